"""Model, data and loss: the built-in ones, and anyone's own."""
