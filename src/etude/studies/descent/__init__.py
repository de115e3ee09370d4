"""Étude 1: gradient descent in classical machine learning, theory beside measurement."""
