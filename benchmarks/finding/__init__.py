"""The finder's scoreboard: problems, their truth, methods that name a learning rate, scores."""
