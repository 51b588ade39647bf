"""The learner, the feature cache, the one loop and its checkpoints."""
