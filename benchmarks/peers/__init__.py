"""Journeyman beside the usual stack: same backbone, rows, seeds and threads, one file a peer."""
