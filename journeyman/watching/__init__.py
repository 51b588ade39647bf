"""Watching a model at work: drift seen, labels asked for, learned, examined, kept or taken back."""
