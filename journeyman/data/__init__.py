"""Rows in: readers, checks, splits and the collection they make."""
