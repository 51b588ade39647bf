"""The last layer: solved in closed form, or trained by gradient."""
