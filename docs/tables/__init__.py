"""The tables of figures, from benchmarks/results: one file a subject, written by `docs.figures`."""
