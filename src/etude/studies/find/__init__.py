"""Étude 11: what range tests find, and what short runs find."""
