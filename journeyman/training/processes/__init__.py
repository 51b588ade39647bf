"""Several processes that share the rows of each step: a leader and those that follow."""
