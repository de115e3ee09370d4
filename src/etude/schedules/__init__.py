"""Step to multiplier: pure functions that compose."""

from etude.schedules.chain import Chain, Repeated, chain, repeat
from etude.schedules.constant import Constant
from etude.schedules.cosine import Cosine
from etude.schedules.linear import Linear
from etude.schedules.notation import parse_schedule
from etude.schedules.pointwise import Clipped, Product, Scaled, clip, product, scale
from etude.schedules.warmup import LinearWarmup, warmup

__all__ = [
    "Chain",
    "Clipped",
    "Constant",
    "Cosine",
    "Linear",
    "LinearWarmup",
    "Product",
    "Repeated",
    "Scaled",
    "chain",
    "clip",
    "parse_schedule",
    "product",
    "repeat",
    "scale",
    "warmup",
]
