"""Commands beside `run`, a file a subject; `cli.py` gathers them."""
