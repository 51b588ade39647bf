"""A model on disk: its folder, its manifest and its card."""
