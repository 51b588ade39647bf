"""Forgetting on disk: what a run and its cache keep of rows, place by place, taken away."""
