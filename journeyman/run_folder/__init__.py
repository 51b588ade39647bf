"""The folder of a run: what was finished, who is at work in it, whether anything changed."""
