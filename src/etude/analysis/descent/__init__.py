"""Descent on convex problems: what theory says of edge, rate and noise floor, and what a loss curve says."""
