"""How good it is, how sure we are, and what a simpler method would have reached."""
