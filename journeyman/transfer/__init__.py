"""Carrying over: from models already made to new data, and from a large model to a small one."""
