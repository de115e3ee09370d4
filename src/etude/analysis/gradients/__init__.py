"""How signals and gradients change with depth and time, against theory; and which remedy helps."""
