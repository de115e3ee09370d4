"""The lanes: engines, update rules, measures. The only training loop."""
