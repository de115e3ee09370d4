"""The segments that the notation knows: their options, and what they build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

from etude.core.schedule import Schedule
from etude.schedules.constant import Constant
from etude.schedules.cooldown import SHAPES as COOLDOWNS
from etude.schedules.cooldown import cooldown
from etude.schedules.cosine import Cosine
from etude.schedules.cyclical import MODES, Cyclical
from etude.schedules.exponential import Exponential
from etude.schedules.inverse_sqrt import InverseSqrt
from etude.schedules.inverse_time import InverseTime
from etude.schedules.linear import Linear
from etude.schedules.multistep import MultiStep
from etude.schedules.noam import Noam
from etude.schedules.one_cycle import one_cycle
from etude.schedules.options import (
    Option,
    choice,
    count,
    length,
    lengths,
    multiplier,
    multipliers,
    number,
    share,
)
from etude.schedules.points import SHAPES as LINES
from etude.schedules.points import Points
from etude.schedules.polynomial import Polynomial
from etude.schedules.restarts import CosineRestarts
from etude.schedules.rex import Rex
from etude.schedules.step import Step
from etude.schedules.untuned import RectifiedWarmup, untuned_linear
from etude.schedules.warmup import CosineWarmup, ExponentialWarmup, GeometricWarmup, LinearWarmup
from etude.schedules.wsd import wsd

Values = Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """What a name builds.

    Attributes:
        options: Its options by name.
        build: A schedule from a length [optimizer steps] and the options' values.
        length: Its length from its options, for a segment that has one of its own; else ``None``.
    """

    options: Mapping[str, Option]
    build: Callable[[int, Values], Schedule]
    length: Callable[[Values], int] | None = None


_WARMUPS: Mapping[str, Callable[[int], Schedule]] = MappingProxyType(
    {
        "linear": LinearWarmup,
        "cosine": CosineWarmup,
        "geometric": GeometricWarmup,
        "exponential": lambda steps: ExponentialWarmup(steps, steps / 5),
    }
)
_FROM, _TO = {"from": multiplier("1")}, {"to": multiplier("0")}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "constant": Kind({"at": multiplier("1")}, lambda n, o: Constant(n, o["at"])),
        "linear": Kind(_FROM | _TO, lambda n, o: Linear(o["from"], o["to"], n)),
        "cosine": Kind(
            _FROM | _TO | {"exponent": number("1")}, lambda n, o: Cosine(o["from"], o["to"], n, o["exponent"])
        ),
        "warmup": Kind({"shape": choice("linear", tuple(_WARMUPS))}, lambda n, o: _WARMUPS[o["shape"]](n)),
        "radam": Kind({"beta2": number("0.999")}, lambda n, o: RectifiedWarmup(n, o["beta2"])),
        "untuned": Kind(
            {"beta2": number("0.999")},
            lambda n, _: LinearWarmup(n),
            length=lambda o: untuned_linear(o["beta2"]).steps,
        ),
        "step": Kind({"every": length("30%"), "by": multiplier("0.1")}, lambda n, o: Step(n, o["every"], o["by"])),
        "multistep": Kind(
            {"at": lengths("50%/75%"), "by": multiplier("0.1")}, lambda n, o: MultiStep(n, o["at"], o["by"])
        ),
        "exponential": Kind({"to": multiplier("0.01")}, lambda n, o: Exponential(n, o["to"], n)),
        "inverse": Kind({"timescale": length("10%")}, lambda n, o: InverseTime(n, o["timescale"])),
        "invsqrt": Kind({"timescale": length("10%")}, lambda n, o: InverseSqrt(n, o["timescale"])),
        "noam": Kind({"warmup": length("10%")}, lambda n, o: Noam(n, o["warmup"])),
        "polynomial": Kind(
            _FROM | _TO | {"power": number("2"), "period": length(None)},
            lambda n, o: Polynomial(o["from"], o["to"], n, o["power"], o["period"]),
        ),
        "rex": Kind(_FROM | _TO, lambda n, o: Rex(o["from"], o["to"], n)),
        "restarts": Kind(
            {"first": length("10%"), "times": number("2"), "decay": number("1"), "cycles": count(None)} | _TO,
            lambda n, o: CosineRestarts(n, o["first"], o["times"], o["decay"], o["to"], o["cycles"]),
        ),
        "cooldown": Kind(
            _FROM | _TO | {"shape": choice("1-sqrt", COOLDOWNS)},
            lambda n, o: cooldown(o["from"], o["to"], n, o["shape"]),
        ),
        "wsd": Kind(
            {"warmup": length("5%"), "cooldown": length("20%"), "shape": choice("1-sqrt", COOLDOWNS)} | _TO,
            lambda n, o: wsd(n, o["warmup"], o["cooldown"], o["shape"], o["to"]),
        ),
        "cyclic": Kind(
            {
                "up": length("10%"),
                "down": length(None),
                "from": multiplier("0.25"),
                "mode": choice("triangular", MODES),
                "gamma": number("1"),
            },
            lambda n, o: Cyclical(n, o["up"], o["down"], o["from"], o["mode"], o["gamma"]),
        ),
        "onecycle": Kind(
            {
                "pct": share("30%"),
                "from": multiplier("0.04"),
                "to": multiplier("4e-6"),
                "shape": choice("cosine", ("cosine", "linear")),
                "phases": choice("2", ("2", "3")),
            },
            lambda n, o: one_cycle(n, o["pct"], o["from"], o["to"], o["shape"], three_phase=o["phases"] == "3"),
        ),
        "points": Kind(
            {"at": lengths("0%/30%/100%"), "values": multipliers("1/1/0"), "shape": choice("linear", LINES)},
            lambda n, o: Points(n, o["at"], o["values"], o["shape"]),
        ),
    }
)
