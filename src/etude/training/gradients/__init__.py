"""Three ways to the gradients of K lanes: by hand for MLPs, by torch.func for most models, lane by lane for all."""
