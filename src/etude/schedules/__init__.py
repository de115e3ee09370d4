"""Step to multiplier: pure functions that compose."""
