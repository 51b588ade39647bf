"""Fine-tuning as scikit-learn estimators."""
