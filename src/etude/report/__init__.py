"""Findings and traces for a reader: terminal, one HTML file, PNG."""
