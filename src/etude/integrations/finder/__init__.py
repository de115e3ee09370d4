"""A learning-rate finder for anyone's own training step."""
