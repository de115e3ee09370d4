"""What the diagnosis and the rules of other tools say of runs whose truth is known, and how such runs are kept."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, final

from lab import Case, Run
from others import OTHERS
from tables import Score

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Diagnosis, Fault
from etude.core.fork import Fork

LR_FAULTS = {
    "low": {Fault.TOO_LOW, Fault.LONG_WARMUP, Fault.DECAYED_EARLY},
    "high": {Fault.TOO_HIGH, Fault.DIVERGING, Fault.OSCILLATION, Fault.NOISE_FLOOR},
}


@final
@dataclass(frozen=True)
class Labelled:
    """A trained run and what it is known to have: all that is needed to diagnose it again without training.

    Attributes:
        world: Name of the world.
        kind: Name of the fault that was planted, or of the sweep.
        truth: ``ok``, ``low``, ``high``, or the planted faults that are a right answer, with slashes between; empty where the
            run's result does not bear out what it was meant to be.
        lr: Its peak learning rate.
        seed: Replicate.
        record: What a diagnosis is given, without a fork test.
        fork: Result of the fork test, if the run lived long enough for one.
        band: Highest final loss on the training and on the held-out data that counts as good as the best known.
        healed: Whether remedies brought it into the band of the best known result; ``None`` where none were followed.
    """

    world: str
    kind: str
    truth: str
    lr: float
    seed: int
    record: RunRecord
    fork: Fork | None
    band: Mapping[str, float]
    healed: bool | None = None

    def run(self, case: Case) -> Run:
        """The run, given the case that it was."""
        return Run(case, self.record.trace, self.fork)


def labelled(run: Run, truth: str, band: Mapping[str, float]) -> Labelled:
    """A run as it is kept."""
    case, record = run.case, run.case.record(run.trace)
    return Labelled(case.world, case.kind, truth, case.spec.peak_lr, case.spec.seed, record, run.fork, band)


def judge(run: Labelled) -> Score:
    """What is said of a run, from its trace alone and with the fork test, and whether it is right."""
    said, forked = diagnose(run.record), diagnose(replace(run.record, fork=run.fork))
    evidence = Evidence(run.record)
    return Score(
        world=run.world,
        kind=run.kind,
        truth=run.truth,
        lr=run.lr,
        seed=run.seed,
        said=[d.fault.value for d in said],
        right=_right(said[0], run.truth),
        said_forked=[d.fault.value for d in forked],
        right_forked=_right(forked[0], run.truth),
        others={name: sorted(rule(evidence)) for name, rule in OTHERS.items()},
        healed=run.healed,
    )


def keep(runs: Sequence[Labelled], path: Path) -> None:
    """Store runs in a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_bytes(pickle.dumps(list(runs)))
    draft.replace(path)


def kept(path: Path) -> list[Labelled]:
    """Runs that this benchmark has stored; unpickling runs code, so no file from elsewhere should be read."""
    return cast(list[Labelled], pickle.loads(path.read_bytes()))


def _right(first: Diagnosis, truth: str) -> bool:
    if truth == "ok":
        return not first.accuses
    return first.fault in LR_FAULTS.get(truth, truth.split("/"))
