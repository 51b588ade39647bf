"""A model's versions: what was learned when, and which one serves."""
