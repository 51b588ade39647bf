"""Backbones and datasets by name: where they come from, their licence, their content."""
