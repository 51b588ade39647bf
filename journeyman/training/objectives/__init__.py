"""What a step of the loop makes smaller, one file each."""
