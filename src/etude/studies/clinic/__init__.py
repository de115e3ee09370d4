"""Étude 19: a gallery of faults, each as a small live case."""
