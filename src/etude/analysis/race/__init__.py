"""A fair race: arms that differ in one thing, each at its own tuned peak learning rate."""
