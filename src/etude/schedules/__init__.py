"""Step to multiplier: pure functions that compose."""

from etude.schedules.chain import Chain, Repeated, chain, repeat
from etude.schedules.constant import Constant
from etude.schedules.cooldown import PowerCooldown, cooldown
from etude.schedules.cosine import Cosine
from etude.schedules.cyclical import Cyclical, InverseCycle
from etude.schedules.exponential import Exponential
from etude.schedules.inverse_sqrt import InverseSqrt
from etude.schedules.inverse_time import InverseTime
from etude.schedules.linear import Linear
from etude.schedules.multistep import MultiStep
from etude.schedules.noam import Noam, noam_peak
from etude.schedules.notation import parse_schedule
from etude.schedules.one_cycle import one_cycle, one_cycle_momentum
from etude.schedules.points import Points, Tabulated, tabulate
from etude.schedules.pointwise import Clipped, Product, Scaled, clip, product, scale
from etude.schedules.polynomial import Polynomial
from etude.schedules.replan import Stretched, Window, cool_down_from, extend, shorten, window
from etude.schedules.restarts import CosineRestarts
from etude.schedules.rex import Rex
from etude.schedules.step import Step
from etude.schedules.untuned import RectifiedWarmup, untuned_exponential, untuned_linear
from etude.schedules.warmup import CosineWarmup, ExponentialWarmup, GeometricWarmup, LinearWarmup, warmup
from etude.schedules.wsd import wsd

__all__ = [
    "Chain",
    "Clipped",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "CosineWarmup",
    "Cyclical",
    "Exponential",
    "ExponentialWarmup",
    "GeometricWarmup",
    "InverseCycle",
    "InverseSqrt",
    "InverseTime",
    "Linear",
    "LinearWarmup",
    "MultiStep",
    "Noam",
    "Points",
    "Polynomial",
    "PowerCooldown",
    "Product",
    "RectifiedWarmup",
    "Repeated",
    "Rex",
    "Scaled",
    "Step",
    "Stretched",
    "Tabulated",
    "Window",
    "chain",
    "clip",
    "cool_down_from",
    "cooldown",
    "extend",
    "noam_peak",
    "one_cycle",
    "one_cycle_momentum",
    "parse_schedule",
    "product",
    "repeat",
    "scale",
    "shorten",
    "tabulate",
    "untuned_exponential",
    "untuned_linear",
    "warmup",
    "window",
    "wsd",
]
