"""How the backbone bends: where the trainable parameters go."""
