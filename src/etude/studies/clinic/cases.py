"""The patients: a run with one fault each, and its healthy twin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from etude.analysis.diagnosis.verdict import Fault
from etude.core.measure import Measure
from etude.core.rule import Rule
from etude.studies.clinic.measures import IN_TIME, SHARP, SMALL, TURNING, USUAL
from etude.studies.clinic.shown import Shown
from etude.training.rules.adam import Adam
from etude.training.rules.sgd import SGD

CHANCE = math.log(10)
"""Loss of the best constant output on ten classes that are about as frequent."""

CHANCE_SQUARED = 0.09
"""The same for the mean squared error of ten indicator variables: 1/10 · 9/10."""


@dataclass(frozen=True)
class Side:
    """One run of a case, at every seed.

    Attributes:
        lr: η.
        network: Name among ``tasks.planted.NETWORKS`` or in ``patients``.
        data: Name among ``tasks.planted.DATA``.
        rule: Update rule.
        schedule: In the notation of schedules.
        batch_size: Examples per step.
        steps: Share of the étude's horizon that it runs for.
        measures: What is read of it.
        forked: Whether a fork test is made, a third of the way down.
        more: Further fields of ``RunSpec``.
    """

    lr: float = 0.03
    network: str = "plain"
    data: str = "digits"
    rule: Rule = field(default_factory=lambda: SGD(momentum=0.9))
    schedule: str = "constant"
    batch_size: int = 64
    steps: float = 1.0
    measures: tuple[Measure, ...] = USUAL
    forked: bool = False
    more: dict[str, object] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Name of its task."""
        return f"{self.network} on {self.data}"


HEALTHY = Side()
"""The digits, two hidden layers of 64 units, SGD with momentum at an η in the middle of its basin."""


@dataclass(frozen=True)
class Case:
    """A fault, planted.

    Attributes:
        truth: Verdicts that name it rightly, if one of them comes first.
        sick: The run that has it.
        shown: What the deciding figure draws.
        twin: The same run without the fault.
        planned: Schedule that the sick run was meant to have, where another is applied.
        chance: Loss of the best constant output.
    """

    truth: tuple[Fault, ...]
    sick: Side
    shown: Shown
    twin: Side = HEALTHY
    planned: str | None = None
    chance: float = CHANCE


def _otherwise(**changes: Any) -> Side:
    return replace(HEALTHY, **changes)


_ADAM = Side(lr=1e-3, rule=Adam())
_SHORT = Side(steps=0.4)
_COSINE, _REPEATED = Side(schedule="cosine"), Side(data="repeated")
_TANH, _DEEP, _FIVE = Side(network="tanh"), Side(network="deep-he", lr=0.01), Side(network="five-he", lr=0.01)
_WARM = Side(lr=0.1, network="tanh", rule=Adam(), schedule="warmup(20%) > cosine")
_FALLING = Side(lr=0.06, data="noisy", batch_size=16, schedule="linear(to=0)", forked=True)
_LARGER = Side(data="noisy", forked=True)
_TIMES = Side(lr=3e-3, network="recurrent", rule=Adam(), measures=IN_TIME)
_NORMED = Side(network="normed", steps=0.5, measures=TURNING)
_LINEAR = Side(lr=0.08, network="linear", rule=SGD(), batch_size=1437, measures=SMALL)
_WHOLE = Side(lr=0.2, rule=SGD(), batch_size=1437, steps=0.4, measures=SHARP)

_AGREES = Shown("alignment", log=False)
_APPLIED, _APPLIED_LOG = Shown("lr", block=False, log=False), Shown("lr", block=False)
_NORM = Shown("gradient_norm", block=False)
_BY_LAYER, _SIGNALS = Shown("update_ratio/", "layers"), Shown("activation_rms/", "depth")
_HELD_OUT, _FORK = Shown("validation_loss"), Shown("fork/", "fork", log=False)

_JUMP = _otherwise(lr=3.0, schedule="constant(60%, at=0.01) > constant")
_STEPS = _otherwise(schedule="step(every=6%, by=0.1)")
_CLIPPED = _otherwise(more={"clip_norm": 0.01})
_FROZEN = _otherwise(more={"group_scales": (("layer1.weight", 0.0),)})
_LAGGING = _otherwise(more={"group_scales": (("output.weight", 1e-3),)})

CASES: dict[str, Case] = {
    "too-low": Case((Fault.TOO_LOW,), _otherwise(lr=3e-4), _AGREES),
    "too-high": Case((Fault.TOO_HIGH,), _otherwise(lr=1.0), Shown("update_ratio")),
    "dying": Case((Fault.TOO_HIGH, Fault.DEAD_UNITS), replace(_ADAM, lr=0.3), Shown("dead/", "max", log=False), _ADAM),
    "diverging": Case((Fault.DIVERGING, Fault.TOO_HIGH), _JUMP, _APPLIED_LOG),
    "oscillation": Case(
        (Fault.OSCILLATION, Fault.TOO_HIGH),
        replace(_LINEAR, lr=0.30857),
        Shown("gradient_cosine", log=False),
        _LINEAR,
        chance=CHANCE_SQUARED,
    ),
    "edge": Case((Fault.EDGE,), _WHOLE, Shown("sharpness", "edge", log=False), replace(_WHOLE, batch_size=32)),
    "no-warm-up": Case((Fault.NO_WARMUP,), replace(_WARM, schedule="cosine"), Shown("update_ratio"), _WARM),
    "decayed-early": Case((Fault.DECAYED_EARLY,), _STEPS, _APPLIED_LOG),
    "long-warm-up": Case((Fault.LONG_WARMUP,), replace(_SHORT, schedule="warmup(90%) > constant"), _APPLIED, _SHORT),
    "per-batch": Case(
        (Fault.WRONG_SCHEDULE,), replace(_COSINE, schedule="restarts(first=7%, times=1)"), _APPLIED, _COSINE, "cosine"
    ),
    "clipping": Case((Fault.CLIPPING,), _CLIPPED, _NORM),
    "bad-batch": Case((Fault.SPIKE,), _otherwise(data="damaged"), _NORM, _REPEATED),
    "vanishing": Case((Fault.VANISHING,), replace(_DEEP, network="deep"), Shown("delta_rms/", "depth"), _DEEP),
    "exploding": Case((Fault.BAD_INIT,), replace(_FIVE, network="five-loud"), _SIGNALS, _FIVE),
    "loud-output": Case((Fault.BAD_INIT,), _otherwise(network="loud-output"), Shown("update_ratio")),
    "born-dead": Case((Fault.DEAD_UNITS,), _otherwise(network="born-dead"), Shown("dead/", "max", log=False)),
    "saturated": Case(
        (Fault.SATURATED,), replace(_TANH, network="tanh-saturated"), Shown("saturated/", "max", log=False), _TANH
    ),
    "symmetric": Case((Fault.SYMMETRY,), _otherwise(network="symmetric"), Shown("unit_cosine/", "max", log=False)),
    "time-explosion": Case(
        (Fault.TIME_EXPLOSION,), replace(_TIMES, network="recurrent-loud"), Shown("hidden_gradient/", "time"), _TIMES
    ),
    "rotation": Case(
        (Fault.ROTATION,), replace(_NORMED, network="normed-long"), Shown("angular_update/", "min"), _NORMED
    ),
    "frozen": Case((Fault.FROZEN_PARAMETER,), _FROZEN, _BY_LAYER),
    "imbalance": Case((Fault.IMBALANCE,), _LAGGING, _BY_LAYER),
    "noise-floor": Case(
        (Fault.NOISE_FLOOR, Fault.BATCH_SIZE, Fault.TOO_HIGH), replace(_FALLING, schedule="constant"), _FORK, _FALLING
    ),
    "small-batch": Case((Fault.BATCH_SIZE, Fault.NOISE_FLOOR), replace(_LARGER, batch_size=8), _HELD_OUT, _LARGER),
    "overfitting": Case((Fault.OVERFITTING,), _otherwise(data="few"), _HELD_OUT),
    "no-signal": Case((Fault.PLATEAU,), _otherwise(data="unrelated"), _AGREES),
}
"""By name, in the order of the page: the learning rate, its course, single steps, initialization, layers, noise, data."""
