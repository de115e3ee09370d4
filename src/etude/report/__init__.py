"""Findings and traces, said: one HTML file, the terminal, JSON, a PNG. Imports nothing of torch."""
