"""What finds boxes: a pyramid of maps, towers at each of its levels, and how they learn."""
