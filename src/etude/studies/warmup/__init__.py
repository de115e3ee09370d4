"""Étude 7: what warm-up allows."""
