"""Measures, one family a file. They use tensors but do not import torch, so a stored spec can be read without it."""

from etude.training.measures.sharpness import Sharpness

__all__ = ["Sharpness"]
