"""Averages of the trained weights along the way, one file a method."""
