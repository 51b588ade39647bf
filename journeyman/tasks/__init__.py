"""What is learned, whatever the backbone: targets, loss, decoding, metrics."""
