"""Simpler methods on the same split: what a fine-tuned model must beat to be worth its cost."""
