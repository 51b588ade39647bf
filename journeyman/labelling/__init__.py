"""Which rows are worth a label next, and how a person gives it."""
