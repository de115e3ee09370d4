"""Étude for people's own training loops."""
