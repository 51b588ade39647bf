"""Learning without forgetting, and forgetting on request."""
