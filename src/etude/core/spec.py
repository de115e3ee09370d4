"""The description of ONE run; running many at once is only a matter of execution."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property

from etude.core.controller import STEP_READINGS, Controller
from etude.core.errors import SpecError
from etude.core.measure import AtEnd, Measure, PointMeasure, StepMeasure
from etude.core.record import content_hash
from etude.core.rule import Rule
from etude.core.schedule import Schedule

BATCH_SIZE = "batch_size"
"""The one name in ``scheduled`` that is no hyperparameter of the update rule."""


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

    The learning rate at step t of parameter p is ``peak_lr · schedule(t) · c(t) · s(p)``, where c(t) is the multiplier of the
    ``controller`` (1 without one) and s(p) the product of the ``group_scales`` whose pattern matches the parameter's name.

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
        measures: What is measured besides the loss: at steps, at evaluations, at the end.
        controller: Closed-loop multiplier of the learning rate; the schedule, a warm-up say, multiplies it.
        scheduled: Pairs (name, schedule): at step t the hyperparameter of the rule with that name, such as ``"momentum"``, is
            its own value times the schedule's multiplier. ``"batch_size"``, rounded to whole examples, may be scheduled too.
        clip_value: Size that every entry of the gradient is cut off at, or ``None``.

    Raises:
        SpecError: When a value is out of its range, or when gradients are to be clipped both by norm and by value.
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
    measures: tuple[Measure, ...] = ()
    controller: Controller | None = None
    scheduled: tuple[tuple[str, Schedule], ...] = ()
    clip_value: float | None = None

    def __post_init__(self) -> None:
        self._write_fields_one_way()
        if not (math.isfinite(self.peak_lr) and self.peak_lr > 0):
            raise SpecError(f"the learning rate must be positive and finite, got {self.peak_lr}: pass --lr LOW:HIGH:N")
        for name in ("steps", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise SpecError(f"needs {name} >= 1, got {getattr(self, name)}: pass a positive whole number")
        if self.schedule.steps != self.steps:
            raise SpecError(
                f"the schedule is {self.schedule.steps} steps long but the run has {self.steps}: make them equal"
            )
        for name in ("clip_norm", "clip_value"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise SpecError(f"needs {name} > 0, got {limit}: leave it out to train without clipping")
        if self.clip_norm is not None and self.clip_value is not None:
            raise SpecError(
                f"got both clip_norm = {self.clip_norm} and clip_value = {self.clip_value}: pass one of them"
            )
        for pattern, factor in self.group_scales:
            if not (math.isfinite(factor) and factor >= 0):
                raise SpecError(f"needs group scales >= 0 and finite, got {factor} for {pattern!r}: 0 freezes a group")
        self._check_records()
        self._check_scheduled()

    def rule_at(self, step: int) -> Rule:
        """The update rule with the hyperparameters of a step."""
        return self._rule_times({name: schedule(step) for name, schedule in self.scheduled})

    def batch_size_at(self, step: int) -> int:
        """Examples of a step's batch."""
        return self._batch_size_times(dict(self.scheduled)[BATCH_SIZE](step)) if self._batches_vary else self.batch_size

    @property
    def _batches_vary(self) -> bool:
        return any(name == BATCH_SIZE for name, _ in self.scheduled)

    def _batch_size_times(self, multiplier: float) -> int:
        return round(self.batch_size * multiplier)

    def _rule_times(self, multipliers: dict[str, float]) -> Rule:
        changed = {name: getattr(self.rule, name) * m for name, m in multipliers.items() if name != BATCH_SIZE}
        return replace(self.rule, **changed) if changed else self.rule  # type: ignore[type-var]

    def _check_records(self) -> None:
        for measure in self.measures:
            if not isinstance(measure, StepMeasure | PointMeasure | AtEnd):
                raise SpecError(
                    f"cannot measure {measure!r}: pass records such as GradientNorm() or AtEnd(Sharpness())"
                )
        if self.controller is not None and len({name in STEP_READINGS for name in self.controller.reads}) != 1:
            raise SpecError(
                f"a controller reads {', '.join(STEP_READINGS)} at steps, or other columns at evaluations, "
                f"got {', '.join(self.controller.reads) or 'nothing'}: let it read one kind"
            )

    def _check_scheduled(self) -> None:
        """Refuse what some step could not be made with; every range is an interval, so the extremes decide."""
        names = [name for name, _ in self.scheduled]
        fixed = getattr(self.rule, "fixed", ())
        known = [f.name for f in fields(self.rule) if f.type in ("float", float) and f.name not in fixed]  # type: ignore[arg-type]
        for name, schedule in self.scheduled:
            if names.count(name) > 1:
                raise SpecError(f"{name} is scheduled {names.count(name)} times: give it one schedule, a product say")
            if name not in (*known, BATCH_SIZE):
                raise SpecError(
                    f"cannot schedule {name!r}: {type(self.rule).__name__} takes {', '.join([*known, BATCH_SIZE])}"
                )
            if schedule.steps != self.steps:
                raise SpecError(
                    f"the schedule of {name} is {schedule.steps} steps long but the run has {self.steps}: make them equal"
                )
            multipliers = [schedule(t) for t in range(self.steps)]
            for extreme in (min(multipliers), max(multipliers)):
                self._rule_times({name: extreme})
                if name == BATCH_SIZE and self._batch_size_times(extreme) < 1:
                    raise SpecError(
                        f"the schedule of batch_size comes down to {self.batch_size * extreme:.3g} examples: "
                        "keep every batch at 1 or more"
                    )

    def _write_fields_one_way(self) -> None:
        """Equal fields get equal types: 1 and 1.0 are equal, but not as JSON, of which the hash is taken."""
        object.__setattr__(self, "peak_lr", float(self.peak_lr))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        scales = tuple((pattern, float(factor)) for pattern, factor in self.group_scales)
        object.__setattr__(self, "group_scales", scales)
        object.__setattr__(self, "measures", tuple(self.measures))
        object.__setattr__(self, "scheduled", tuple((name, schedule) for name, schedule in self.scheduled))

    @cached_property
    def hash(self) -> str:
        """Content hash: equal specs have equal hashes, on every machine."""
        return content_hash(self)
