"""Kinds of source a file is fetched from, one a file."""
