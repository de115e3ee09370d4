"""What an update ratio says of a learning rate."""
