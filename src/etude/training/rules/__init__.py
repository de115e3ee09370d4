"""Update rules, one family a file. They use tensors but do not import torch, so a stored spec can be read without it."""

from etude.training.rules.adam import Adam, AdamW
from etude.training.rules.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW"]
