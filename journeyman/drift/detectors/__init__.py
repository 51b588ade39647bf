"""Detectors of drift, registered by name."""
