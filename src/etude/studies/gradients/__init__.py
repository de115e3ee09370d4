"""Étude 5: vanishing and exploding gradients."""
