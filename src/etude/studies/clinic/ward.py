"""All patients of the gallery, read from the finished sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from etude.analysis.diagnosis.verdict import Fault
from etude.core.trace import Trace
from etude.studies.arms import Sweep
from etude.studies.clinic.cases import CASES, Case
from etude.studies.clinic.visits import Course, Visit, visits

CLOSE = 0.05
"""A healed run has come as far as the healthy twin if no more than this share of the twin's descent is missing."""


@dataclass(frozen=True)
class Patient:
    """A case and what became of it at every seed.

    Attributes:
        name: Of the case.
        number: Its place on the page, from 1.
        case: What was planted.
        courses: One for each seed: the sick run, and what followed the remedies.
        twins: The healthy run of each seed.
        runs: Hashes of all of these runs.
    """

    name: str
    number: int
    case: Case
    courses: tuple[Course, ...]
    twins: tuple[Visit, ...]
    runs: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """How many seeds."""
        return len(self.courses)

    @property
    def named(self) -> int:
        """Seeds at which the first verdict on the sick run names the fault."""
        return sum(course.visits[0].first.fault in self.case.truth for course in self.courses)

    @property
    def alarms(self) -> int:
        """Seeds at which the healthy twin is accused of something."""
        return sum(twin.accused for twin in self.twins)

    @property
    def treated(self) -> tuple[int, ...]:
        """Places of the seeds that were told another η."""
        return tuple(i for i, course in enumerate(self.courses) if len(course.visits) > 1)

    @property
    def healed(self) -> int:
        """Seeds that were told another η and came as far as the twin with it."""
        return sum(self._has_healed(i) for i in self.treated)

    @property
    def said(self) -> Fault | None:
        """What is said most often of sick runs whose fault is not named; ``None`` where it always is."""
        firsts = [course.visits[0].first.fault for course in self.courses]
        wrong = Counter(fault for fault in firsts if fault not in self.case.truth)
        return wrong.most_common(1)[0][0] if wrong else None

    def _has_healed(self, place: int) -> bool:
        healed, twin = self.courses[place].visits[-1].trace, self.twins[place].trace
        start, best = float(twin.evaluations["validation_loss"][0]), _final(twin)
        return _final(healed) <= best + CLOSE * (start - best)


def ward(sweeps: Sequence[Sweep]) -> list[Patient]:
    """Every patient, in the order of the page; a study of before may lack cases that have come since."""
    by_name = {sweep.arm.name: sweep for sweep in sweeps}
    known = {name: case for name, case in CASES.items() if f"{name}/sick" in by_name}
    found = []
    for number, (name, case) in enumerate(known.items(), start=1):
        sick, twin = by_name[f"{name}/sick"], by_name[f"{name}/twin"]
        healthy = visits(replace(case, planned=None), twin)
        found.append(
            Patient(
                name,
                number,
                case,
                tuple(visits(case, sick)),
                tuple(course.visits[0] for course in healthy),
                (*sick.table.hashes, *twin.table.hashes),
            )
        )
    return found


def _final(trace: Trace) -> float:
    value = trace.final.get("validation_loss", np.inf)
    return float(value) if np.isfinite(value) and not trace.outcome.diverged else np.inf
