"""Pretraining that goes on where others stopped, on the user's own text without labels."""
