"""Changes of a text that leave its label, one file each."""
