"""The description of ONE run; running many at once is only a matter of execution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from etude.core.errors import SpecError
from etude.core.record import content_hash
from etude.core.rule import Rule
from etude.core.schedule import Schedule


@dataclass(frozen=True)
class TaskRef:
    """Which task a run trains: its name, and a fingerprint of what the name meant when the study began.

    Attributes:
        name: A built-in data set, ``FILE.py:FUNCTION``, or the name of a task made in Python.
        fingerprint: Hash over data, model structure and loss; a resumed study refuses a task that has changed.
    """

    name: str
    fingerprint: str


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides the numbers of one run, except the engine that computes them.

    The learning rate at step t of parameter p is ``peak_lr · schedule(t) · s(p)``, where s(p) is the product of the
    ``group_scales`` whose pattern matches the parameter's name.

    Attributes:
        task: What is trained.
        rule: Update rule with its hyperparameters.
        schedule: Multiplier of the peak learning rate; as long as ``steps``.
        peak_lr: η, the learning rate at multiplier 1.
        steps: Horizon [optimizer steps].
        batch_size: Examples per step.
        seed: Replicate: decides initialization and data order. Runs with one seed share both (common random numbers).
        clip_norm: Global gradient norm to clip at, or ``None``.
        group_scales: Pairs (pattern, multiplier); patterns as in ``fnmatch``, matched against parameter names.
        evaluate_every: Steps between evaluations, which also take place at step 0 and at the end.
        measures: Names of the further measures taken at the end, such as ``"sharpness"``.

    Raises:
        SpecError: When a value is out of its range.
    """

    task: TaskRef
    rule: Rule
    schedule: Schedule
    peak_lr: float
    steps: int
    batch_size: int
    seed: int
    clip_norm: float | None = None
    group_scales: tuple[tuple[str, float], ...] = ()
    evaluate_every: int = 1
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._write_numbers_one_way()
        if not (math.isfinite(self.peak_lr) and self.peak_lr > 0):
            raise SpecError(f"the learning rate must be positive and finite, got {self.peak_lr}: pass --lr LOW:HIGH:N")
        for name in ("steps", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise SpecError(f"needs {name} >= 1, got {getattr(self, name)}: pass a positive whole number")
        if self.schedule.steps != self.steps:
            raise SpecError(
                f"the schedule is {self.schedule.steps} steps long but the run has {self.steps}: make them equal"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise SpecError(f"needs clip_norm > 0, got {self.clip_norm}: leave it out to train without clipping")

        for pattern, factor in self.group_scales:
            if not (math.isfinite(factor) and factor >= 0):
                raise SpecError(f"needs group scales >= 0 and finite, got {factor} for {pattern!r}: 0 freezes a group")

    def _write_numbers_one_way(self) -> None:
        """Equal numbers get equal types: 1 and 1.0 are equal, but not as JSON, of which the hash is taken."""
        object.__setattr__(self, "peak_lr", float(self.peak_lr))
        if self.clip_norm is not None:
            object.__setattr__(self, "clip_norm", float(self.clip_norm))
        scales = tuple((pattern, float(factor)) for pattern, factor in self.group_scales)
        object.__setattr__(self, "group_scales", scales)

    @cached_property
    def hash(self) -> str:
        """Content hash: equal specs have equal hashes, on every machine."""
        return content_hash(self)
