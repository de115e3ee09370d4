"""What the rules look at: columns of a record, cleaned and cut, and the few numbers that several rules need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from etude.analysis.alignment import ColumnMean, column_mean
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.ratio import pooled_q
from etude.core.trace import Array

PLATEAU = 0.5
"""Share of the highest learning rate above which a step belongs to the plateau of the schedule."""

BORN_DEAD = 0.35
LEFT_OVER = 0.07
"""Share of the initial loss below which a run has done what it could: no more than that can be gained."""

AT_ONCE = 2.0
LEAST_DESCENT = 1e-3
"""Share of the initial loss below which a descent is not divided by."""

ADAPTIVE = ("Adam", "NAdam", "RAdam", "AMSGrad", "Adamax", "Lion", "RMSprop", "Adagrad", "Adadelta", "Adafactor")


@final
@dataclass(frozen=True, eq=False)
class Evidence:
    """A record as rules read it. Numbers that the record does not give are ``None``.

    Attributes:
        run: The record.
    """

    run: RunRecord

    @cached_property
    def loss(self) -> Array:
        """Loss before each step, (T,); empty where there is none."""
        return self.run.trace.per_step.get("loss", np.zeros(0))

    @property
    def steps(self) -> int:
        """T, the steps that were made."""
        return max((len(column) for column in self.run.trace.per_step.values()), default=0)

    @property
    def adaptive(self) -> bool:
        """Whether the rule divides the gradient by its own size."""
        return self.run.rule.startswith(ADAPTIVE)

    @property
    def whole_batch(self) -> bool:
        """Whether every step sees all the data, so that none sees data of its own."""
        return None not in (self.run.batch_size, self.run.examples) and self.run.batch_size == self.run.examples

    def step(self, name: str) -> Array | None:
        """A column per step, or ``None``."""
        return self.run.trace.per_step.get(name)

    def point(self, name: str) -> Array | None:
        """A column per evaluation, or ``None`` where it is missing or holds no number."""
        column = self.run.trace.evaluations.get(name)
        return column if column is not None and np.isfinite(column).any() else None

    @property
    def places(self) -> Array:
        """Updates made before each evaluation, (E,)."""
        return self.run.trace.evaluations.get("step", np.zeros(0))

    def family(self, prefix: str, *, steps: bool = False) -> dict[str, Array]:
        """Columns ``prefix/NAME`` by NAME, in the order of the model's layers."""
        columns = self.run.trace.per_step if steps else self.run.trace.evaluations
        found = {n.removeprefix(f"{prefix}/"): c for n, c in columns.items() if n.startswith(f"{prefix}/")}
        names = list(found)
        if self.run.layers:
            places = {name: _place(name, self.run.layers) for name in names}
            names.sort(key=lambda name: places[name])
        elif names == sorted(names):
            names.sort(key=_counted)
        return {name: found[name] for name in names}

    @cached_property
    def lr(self) -> Array | None:
        """Learning rate as applied at each step, else as planned, (T,)."""
        applied = self.step("lr")
        if applied is not None:
            return applied
        planned = self.run.planned_lr
        return None if planned is None else planned[: self.steps]

    @cached_property
    def plateau(self) -> NDArray[np.bool_]:
        """Steps at which the learning rate is at least half of its highest, (T,); all where it is not known."""
        if self.lr is None or len(self.lr) == 0:
            return np.ones(self.steps, dtype=bool)
        mask: NDArray[np.bool_] = self.lr >= PLATEAU * np.nanmax(self.lr)
        return mask

    @cached_property
    def start(self) -> float | None:
        """L₀, the loss before the first step.

        The evaluated one, else the median of the first three batches; but the loss of the first batch alone where that is less
        than half as high: then the first updates raised the others, or batch norm had not seen any data when it was evaluated.
        """
        evaluated, early = self.point("train_loss"), self.loss[:3][np.isfinite(self.loss[:3])]
        first = float(self.loss[0]) if len(self.loss) and np.isfinite(self.loss[0]) else np.inf
        if evaluated is not None and len(self.places) and self.places[0] == 0 and np.isfinite(evaluated[0]):
            found = float(evaluated[0])
        elif len(early):
            found = float(np.median(early))
        else:
            return None
        return first if found > AT_ONCE * abs(first) else found

    @cached_property
    def end(self) -> float | None:
        """L_T, the last evaluated training loss, else the median of the last tenth of the steps; ``None`` if not finite."""
        evaluated = self.evaluated
        if evaluated is not None:
            return float(evaluated[-1]) if np.isfinite(evaluated[-1]) else None
        last = self.loss[-max(self.steps // 10, 5) :]
        last = last[np.isfinite(last)]
        return float(np.median(last)) if len(last) else None

    @cached_property
    def evaluated(self) -> Array | None:
        """Training loss on fixed examples, if it was taken at both ends and between."""
        column = self.point("train_loss")
        if column is None or len(column) < 4 or self.places[0] > 0 or self.places[-1] < self.steps:
            return None
        return column

    @cached_property
    def risen(self) -> float | None:
        """What the rises of the evaluated training loss add up to, as a share of its descent from L₀."""
        if self.evaluated is None or self.start is None:
            return None
        changes, descent = np.diff(self.evaluated), self.start - float(self.evaluated.min())
        return float(changes[changes > 0].sum()) / descent if descent > 0 else np.inf

    @cached_property
    def way(self) -> Array:
        """τ, the learning rates added up, as a share of the whole, (T,); steps where they are not known."""
        lr = np.ones(self.steps) if self.lr is None else np.nan_to_num(np.abs(self.lr), posinf=0.0)
        total = float(lr.sum())
        return np.cumsum(lr) / total if 0 < total < np.inf else np.linspace(0, 1, self.steps)

    @cached_property
    def gain(self) -> tuple[float, float] | None:
        r"""Which share of its descent the run made on the last two thirds of its way, and the standard error.

        .. math:: G = \frac{L(\tau/3) - L(\tau)}{L_0 - L(\tau)}, \qquad \tau = \sum_t \eta_t

        While updates are far shorter than the curvature allows, the loss depends on τ alone, so a learning rate three times as
        high would have been at L(τ) after a third of the steps, with as much still to come.
        """
        if self.start is None or self.end is None or self.steps < 30:
            return None
        third, error = self._at_third()
        descent = self.start - self.end
        if not (np.isfinite(third) and descent > 4 * error and descent > LEAST_DESCENT * abs(self.start)):
            return None
        return float((third - self.end) / descent), float(error / descent)

    def _at_third(self) -> tuple[float, float]:
        """L(τ/3) and the standard error of a difference of two such losses."""
        evaluated = self.evaluated
        if evaluated is not None:
            way = np.concatenate([[0.0], self.way])[np.minimum(self.places, self.steps).astype(np.int64)]
            return float(np.interp(1 / 3, way, evaluated)), 0.0
        near = self.loss[np.abs(self.way - 1 / 3) <= 0.05]
        near = near[np.isfinite(near)]
        if len(near) < 3:
            return np.nan, np.nan
        return float(np.median(near)), self.noise * 1.25 * np.sqrt(1 / len(near) + 1 / max(self.steps // 10, 5))

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the loss from step to step, without its trend."""
        changes = np.diff(self.loss[np.isfinite(self.loss)])
        if len(changes) < 8:
            return 0.0
        return float(1.4826 * np.median(np.abs(changes - np.median(changes))) / np.sqrt(2))

    @cached_property
    def q(self) -> tuple[float, tuple[float, float]] | None:
        """Q = −2c/b pooled over the probes on the plateau, and its interval; ``None`` from fewer than two probes."""
        slopes, curvatures = self.point("probe_slope"), self.point("probe_curvature")
        if slopes is None or curvatures is None:
            return None
        usable = np.isfinite(slopes) & np.isfinite(curvatures) & self._on_plateau & (self.places > 0)
        if usable.sum() < 2:
            return None
        return pooled_q(slopes[usable], curvatures[usable])

    @cached_property
    def _on_plateau(self) -> NDArray[np.bool_]:
        if self.steps == 0:
            return np.ones(len(self.places), dtype=bool)
        mask: NDArray[np.bool_] = self.plateau[np.minimum(self.places, self.steps - 1).astype(np.int64)]
        return mask

    def alignment(self, first: float = 0.0, last: float = 1.0) -> ColumnMean | None:
        """Mean alignment of fresh gradients with the last update, over a part of the plateau's steps."""
        column = self.step("alignment")
        if column is None:
            return None
        on = np.flatnonzero(self.plateau & (np.arange(self.steps) > 0))
        return column_mean(column[on[int(first * len(on)) : int(last * len(on))]])

    @cached_property
    def dead(self) -> tuple[str, Array] | None:
        """The layer with most dead units at the last evaluation, and its column."""
        layers = self.family("dead")
        if not layers or not len(self.places):
            return None
        worst = max(layers, key=lambda name: np.nan_to_num(layers[name][-1]))
        return worst, layers[worst]

    @property
    def born_dead(self) -> bool:
        """Whether a third of a layer's units were dead before the first step: nothing that follows is the learning rate's."""
        return any(len(column) > 0 and column[0] > BORN_DEAD for column in self.family("dead").values())

    @property
    def suffers(self) -> bool:
        """Whether so much of the loss is left that something may have held the run up; true where that is not known."""
        return self.progress is None or self.progress < 1 - LEFT_OVER

    @cached_property
    def progress(self) -> float | None:
        """1 − L_T/L₀; for a loss that cannot be negative, the share of it that is gone."""
        if self.start is None or self.end is None or self.start <= 0:
            return None
        return 1 - self.end / self.start


def _place(name: str, parameters: Sequence[str]) -> int:
    """Where a parameter, or the layer that holds it, stands in the model; behind all where it is not known."""
    held = (i for i, parameter in enumerate(parameters) if parameter == name or parameter.startswith(f"{name}."))
    return next(held, len(parameters))


def _counted(name: str) -> list[tuple[int, str]]:
    """A key that sorts by the numbers in a name."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
