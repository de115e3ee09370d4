"""The études: a question, the runs that answer it, the findings."""
