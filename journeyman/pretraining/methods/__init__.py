"""What a backbone is asked to foretell from text alone, one file a method."""
