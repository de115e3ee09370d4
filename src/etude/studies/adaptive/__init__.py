"""Étude 9: which update rule, each at its own best learning rate."""
