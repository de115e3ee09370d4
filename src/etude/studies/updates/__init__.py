"""Étude 2: w ← w − η·g made visible."""
