"""Static multipliers and the rules they come from."""
