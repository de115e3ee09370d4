"""A training that was recorded or logged, read and diagnosed."""
