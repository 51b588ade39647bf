"""Ways to fine-tune that `tuner: auto` tries, cheapest first; each registers itself."""
