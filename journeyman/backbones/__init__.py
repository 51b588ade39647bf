"""Pretrained networks with a depth: a frozen part below a cut, a tuned part above it."""
