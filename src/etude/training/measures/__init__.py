"""Measures, one family a file. They use tensors but do not import torch, so a stored spec can be read without it."""

from etude.training.measures.angles import Alignment, GradientCosine
from etude.training.measures.angular import AngularUpdate, ScaleInvariance
from etude.training.measures.applied import AppliedRate, ClipFactor
from etude.training.measures.curvature import LineProbe, PreconditionedSharpness
from etude.training.measures.depth import DepthProfile
from etude.training.measures.effective import EffectiveRates
from etude.training.measures.noise_scale import NoiseScale
from etude.training.measures.norms import GradientNorm, UpdateNorm, UpdateRatio, WeightNorm
from etude.training.measures.recurrent import HiddenGradients
from etude.training.measures.sharpness import Sharpness
from etude.training.measures.sizes import Sizes
from etude.training.measures.units import UnitCosine, Units
from etude.training.measures.weights import Weights

__all__ = [
    "Alignment",
    "AngularUpdate",
    "AppliedRate",
    "ClipFactor",
    "DepthProfile",
    "EffectiveRates",
    "GradientCosine",
    "GradientNorm",
    "HiddenGradients",
    "LineProbe",
    "NoiseScale",
    "PreconditionedSharpness",
    "ScaleInvariance",
    "Sharpness",
    "Sizes",
    "UnitCosine",
    "Units",
    "UpdateNorm",
    "UpdateRatio",
    "WeightNorm",
    "Weights",
]
