"""The people a model of faces knows."""
