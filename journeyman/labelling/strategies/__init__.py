"""Strategies that choose which rows to label next, one file each."""
