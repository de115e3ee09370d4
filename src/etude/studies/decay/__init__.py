"""Étude 6: how to decay the learning rate."""
