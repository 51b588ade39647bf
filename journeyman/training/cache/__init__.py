"""The feature cache: what frozen layers make of a row, computed once and kept."""
