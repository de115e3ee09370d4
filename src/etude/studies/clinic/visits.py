"""What becomes of a patient who does what the diagnosis says, where that is another learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Diagnosis
from etude.analysis.table import SweepTable
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.schedules.notation import parse_schedule
from etude.studies.arms import Sweep
from etude.studies.clinic.cases import Case
from etude.studies.clinic.measures import fork_of

MOST_VISITS = 4
"""Of one patient: a remedy such as "multiply η by 10 and look again" is followed so often at most."""


@dataclass(frozen=True)
class Visit:
    """A run and what the diagnosis says of it.

    Attributes:
        lr: Its η.
        trace: What it left.
        diagnoses: The verdicts, causes before consequences.
    """

    lr: float
    trace: Trace
    diagnoses: tuple[Diagnosis, ...]

    @property
    def first(self) -> Diagnosis:
        """The verdict that comes first."""
        return self.diagnoses[0]

    @property
    def accused(self) -> bool:
        """Whether any verdict says that something is wrong."""
        return any(d.accuses for d in self.diagnoses)


@dataclass(frozen=True)
class Course:
    """One seed's visits: the sick run, then runs at the η that the verdict before printed.

    Attributes:
        seed: Which.
        visits: At least one.
        asks: η that the last verdict asks for and that has not run yet.
    """

    seed: int
    visits: tuple[Visit, ...]
    asks: float | None


def visits(case: Case, sweep: Sweep) -> list[Course]:
    """Every seed's course in an arm of a case."""
    return [_course(case, sweep, seed) for seed in sweep.table.seeds.tolist()]


def _course(case: Case, sweep: Sweep, seed: int) -> Course:
    lr: float | None = sweep.arm.lrs[0]
    made: list[Visit] = []
    while lr is not None and len(made) < MOST_VISITS:
        trace = _trace(sweep.table, lr, seed)
        if trace is None:
            return Course(seed, tuple(made), lr)
        made.append(visit(case, replace(sweep.arm.base, peak_lr=lr, seed=seed), trace))
        lr = prescribed(made)
    return Course(seed, tuple(made), None)


def visit(case: Case, spec: RunSpec, trace: Trace) -> Visit:
    """A run with its diagnosis."""
    record = RunRecord.of(spec, trace, chance_loss=case.chance, fork=fork_of(trace))
    if case.planned is not None:
        planned = parse_schedule(case.planned, spec.steps, 1)
        record = replace(record, planned_lr=np.array([spec.peak_lr * planned(t) for t in range(spec.steps)]))
    return Visit(spec.peak_lr, trace, tuple(diagnose(record)))


def prescribed(made: Sequence[Visit]) -> float | None:
    """The η that the last visit's first verdict asks for; ``None`` without one, or where it would lead back."""
    last = made[-1]
    remedy = last.first.remedy
    if remedy is None or remedy.lr_factor == 1:
        return None
    lr = float(f"{last.lr * remedy.lr_factor:.6g}")
    return None if any(math.isclose(lr, before.lr, rel_tol=1e-3) for before in made) else lr


def _trace(table: SweepTable, lr: float, seed: int) -> Trace | None:
    row, column = np.flatnonzero(table.lrs == lr), np.flatnonzero(table.seeds == seed)
    return table.cells[int(row[0])][int(column[0])] if len(row) and len(column) else None
