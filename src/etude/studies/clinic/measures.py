"""What is measured of the patients, so what a diagnosis is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from etude.core.errors import SpecError
from etude.core.fork import Fork
from etude.core.measure import AtEnd, Measure
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Array, Trace
from etude.schedules.constant import Constant
from etude.training.measures.angles import Alignment, GradientCosine
from etude.training.measures.angular import AngularUpdate, ScaleInvariance
from etude.training.measures.applied import AppliedRate, ClipFactor
from etude.training.measures.curvature import LineProbe
from etude.training.measures.depth import DepthProfile
from etude.training.measures.noise_scale import NoiseScale
from etude.training.measures.norms import GradientNorm, UpdateRatio
from etude.training.measures.recurrent import HiddenGradients
from etude.training.measures.sharpness import Sharpness
from etude.training.measures.units import UnitCosine, Units

if TYPE_CHECKING:
    from etude.core.measure import Columns, Point
    from etude.core.rule import Rule

FACTORS = (1 / 3, 1.0, 3.0)
REPEATS = 4
LENGTH = 1 / 8
"""Share of the horizon that the copies of a fork test go on for."""
TRAINED, HELD_OUT = "fork", "fork_held_out"
"""Prefixes of the columns that hold a fork test's losses."""


@final
@dataclass(frozen=True)
class ForkTest:
    """The fork test of ``training.fork`` as a measure, of runs without clipping: columns at one point.

    ``fork/…`` holds the losses on training data, ``fork_held_out/…`` those on held-out data.
    The copies hold η, or its multiples, as it is when they part.

    Attributes:
        rule: Update rule of the run.
        at: Step at which the copies part, one of the evaluations.
        steps: Updates that each copy makes.
    """

    rule: Rule
    at: int
    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SpecError(f"needs steps >= 1, got {self.steps}: an eighth of the horizon is usual")

    def at_point(self, point: Point) -> Columns:
        """Probe losses of the copies, (K,) each; NaN at other points."""
        names = ["fork/steps", *_columns(TRAINED), *_columns(HELD_OUT)]
        table = np.full((len(names), len(point.lr)), np.nan)
        if point.step == self.at:
            for lane, fork in self._forks(point).items():
                probed = [fork] if fork.on_held_out is None else [fork, fork.on_held_out]
                numbers = [number for each in probed for number in (each.before[0], *each.after.ravel())]
                table[: 1 + len(numbers), lane] = [self.steps, *numbers]
        return {name: point.lr.new_tensor(row) for name, row in zip(names, table, strict=True)}

    def _forks(self, point: Point) -> dict[int, Fork]:
        from etude.training.fork import fork_lanes
        from etude.training.lanes import Lanes

        horizon = point.step + self.steps
        specs = tuple(
            RunSpec(
                task=TaskRef(point.task.name, ""),
                rule=self.rule,
                schedule=Constant(horizon),
                peak_lr=lr,
                steps=horizon,
                batch_size=point.batch_size,
                seed=point.seed,
            )
            for lr in point.lr.tolist()
        )
        every = list(range(len(specs)))
        lanes = Lanes(specs, every, point.params, point.buffers, point.state, point.step, np.ones(len(specs)))
        return fork_lanes(lanes, point.gradients, point.task, factors=FACTORS, steps=self.steps, repeats=REPEATS)


def fork_of(trace: Trace) -> Fork | None:
    """The fork test that a run's trace holds; ``None`` where none was made, or the run had diverged before."""
    columns = trace.evaluations
    trained = _probed(trace, TRAINED)
    if trained is None:
        return None
    at, before, after = trained
    held_out = _probed(trace, HELD_OUT)
    found = Fork(int(columns["step"][at]), int(columns["fork/steps"][at]), np.array(FACTORS), before, after)
    return found if held_out is None else replace(found, held_out_before=held_out[1], held_out_after=held_out[2])


def _probed(trace: Trace, prefix: str) -> tuple[int, Array, Array] | None:
    """At which evaluation copies parted, the loss there, (R,), and their losses at the end, (R, F)."""
    columns = trace.evaluations
    first, *others = _columns(prefix)
    made = np.flatnonzero(np.isfinite(columns.get(first, np.zeros(0))))
    if not len(made):
        return None
    at = int(made[0])
    after = np.array([columns[name][at] for name in others]).reshape(REPEATS, len(FACTORS))
    return at, np.full(REPEATS, columns[first][at]), after


def _columns(prefix: str) -> list[str]:
    """Names of the loss before, and of those after by repeat and factor."""
    return [f"{prefix}/before", *(f"{prefix}/{repeat}/{factor:.3g}" for repeat in range(REPEATS) for factor in FACTORS)]


SMALL: tuple[Measure, ...] = (
    GradientNorm(layers=True),
    UpdateRatio(layers=True),
    GradientCosine(),
    Alignment(),
    AppliedRate(),
    LineProbe(256),
)
"""What any network can afford."""

USUAL: tuple[Measure, ...] = (
    *SMALL,
    ClipFactor(),
    Units(1024),
    DepthProfile(128),
    NoiseScale(64, 8),
    UnitCosine(128),
)
"""What is read of fully connected networks."""

IN_TIME: tuple[Measure, ...] = (*SMALL, HiddenGradients(64, times=True))
TURNING: tuple[Measure, ...] = (*SMALL, AngularUpdate(), AtEnd(ScaleInvariance(64)))
SHARP: tuple[Measure, ...] = (*SMALL, Sharpness(1437))
"""Further looks at a recurrent network, at one with batch norm, and at descent on the whole data at once."""
