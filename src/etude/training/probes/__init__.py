"""Looking at one model at one moment, by pure functions: they work on anyone's module, and change nothing of it."""
