"""Measures, one family a file. They use tensors but do not import torch, so a stored spec can be read without it."""

from etude.training.measures.angles import Alignment, GradientCosine
from etude.training.measures.applied import AppliedRate, ClipFactor
from etude.training.measures.effective import EffectiveRates
from etude.training.measures.norms import GradientNorm, UpdateNorm, UpdateRatio, WeightNorm
from etude.training.measures.sharpness import Sharpness

__all__ = [
    "Alignment",
    "AppliedRate",
    "ClipFactor",
    "EffectiveRates",
    "GradientCosine",
    "GradientNorm",
    "Sharpness",
    "UpdateNorm",
    "UpdateRatio",
    "WeightNorm",
]
