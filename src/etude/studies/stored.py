"""A study as it lies on disk, read for its page; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from etude.analysis.options import SweepOptions
from etude.analysis.reading import SweepReading, read_sweep
from etude.analysis.table import SweepTable
from etude.core.errors import StorageError, UserError
from etude.core.finding import Finding
from etude.core.message import Message
from etude.core.record import from_plain
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.report.catalogue import say
from etude.storage.reader import StudyInfo, StudyReader
from etude.studies.arms import Arm, Sweep
from etude.studies.spec import StudySpec, make_spec

ROUND = "round-{}"
ARMS = "arms"
ENGINES = "engines"
FINGERPRINT = "fingerprint of data, model and loss"


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """A finished study.

    Attributes:
        folder: Where it lies.
        spec: Its options.
        info: When, by which version and on what it was begun.
        task: Name of the task.
        engines: Device, and for each arm which engine computed it, and why that one.
        rounds: What each round ran, by arm: learning rates, and the reasons for them.
        sweeps: Its arms and their runs.
        findings: What was concluded.
    """

    folder: Path
    spec: StudySpec
    info: StudyInfo
    task: str
    engines: dict[str, Any]
    rounds: tuple[dict[str, Any], ...]
    sweeps: tuple[Sweep, ...]
    findings: tuple[Finding, ...]

    @property
    def sweep(self) -> Sweep:
        """The first sweep; the only one of an étude that compares nothing."""
        return self.sweeps[0]

    @property
    def table(self) -> SweepTable:
        """The first sweep's runs."""
        return self.sweep.table

    @property
    def horizon(self) -> int:
        """Steps of each of its runs that does not diverge before."""
        return self.sweep.arm.base.steps

    @property
    def options(self) -> SweepOptions:
        """How its sweep is analysed."""
        return self.sweep.options

    @cached_property
    def training(self) -> SweepReading:
        """The sweep, read for the final training loss."""
        return read_sweep(self.table, "train_loss", self.options)

    @cached_property
    def validation(self) -> SweepReading:
        """The sweep, read for the final validation loss."""
        return read_sweep(self.table, "validation_loss", self.options)

    @property
    def extensions(self) -> tuple[Message, ...]:
        """Why learning rates beyond the first sweep's grid were run."""
        return self.reasons(self.sweep.arm.name)

    def reasons(self, arm: str) -> tuple[Message, ...]:
        """Why learning rates beyond an arm's grid were run."""
        later = [ran["arms"][arm] for ran in self.rounds[1:] if arm in ran["arms"]]
        return tuple(from_plain(reason) for own in later for reason in own["reasons"])

    def finding(self, name: str) -> Finding:
        """The finding of this name."""
        return next(f for f in self.findings if f.name == name)


def arm_options(spec: StudySpec, arm: Arm) -> SweepOptions:
    """The options of the analysis that follow from the study's and the arm's."""
    lr_range = (arm.lrs[0], arm.lrs[-1]) if len(arm.lrs) > 1 else None
    return SweepOptions(tolerance=spec.tolerance, target=spec.target, lr_range=lr_range)


def read_stored(folder: Path) -> StoredStudy:
    """Read a finished study.

    Raises:
        UserError: When the folder is not a study, or it is not finished yet.
        DamagedError: When anything in it is damaged.
    """
    with StudyReader.open(folder) as reader:
        info = reader.info()
        stored = dict(info.spec)
        stored.pop(FINGERPRINT, None)
        spec = make_spec(stored)
        specs, traces, findings = reader.specs(), reader.traces(), tuple(reader.findings())
        # Damaged traces that a writer has dropped leave the findings that rest on them.
        if not findings or len(traces) < len(specs):
            done = f"{len(traces)} of {len(specs)} runs are done" if specs else "it has not begun to train"
            raise UserError(f"the study in {folder} is not finished ({done}): go on with {spec.command(folder)}")
        rounds: list[dict[str, Any]] = []
        while (ran := reader.plan(ROUND.format(len(rounds)))) is not None:
            rounds.append(ran)
        arms, engines = reader.plan(ARMS), reader.plan(ENGINES)
    if arms is None or engines is None:
        raise _foreign(folder, info)
    runs = {s.hash: s for s in specs}
    try:
        sweeps = tuple(_sweep(spec, about, rounds, runs, traces) for about in arms["arms"])
    except LookupError as error:
        raise _foreign(folder, info) from error
    study = StoredStudy(folder, spec, info, specs[0].task.name, engines, tuple(rounds), sweeps, findings)
    reasons = [reason for sweep in sweeps for reason in study.reasons(sweep.arm.name)]
    _check_sentences(folder, info, [m for f in findings for m in (f.question, f.statement)] + reasons)
    return study


def _sweep(
    spec: StudySpec,
    about: Mapping[str, Any],
    rounds: Sequence[Mapping[str, Any]],
    runs: Mapping[str, RunSpec],
    traces: Mapping[str, Trace],
) -> Sweep:
    """An arm and its runs, from what was stored of them."""
    name = about["name"]
    own = [runs[run] for ran in rounds if name in ran["arms"] for run in ran["arms"][name]["runs"]]
    arm = Arm(name, from_plain(about["label"]), replace(own[0], seed=0), tuple(about["lrs"]))
    return Sweep(arm, SweepTable.of([(run, traces[run.hash]) for run in own]), arm_options(spec, arm))


def _check_sentences(folder: Path, info: StudyInfo, messages: Sequence[Message]) -> None:
    try:
        for message in messages:
            say(message)
    except (LookupError, ValueError) as error:
        raise _foreign(folder, info) from error


def _foreign(folder: Path, info: StudyInfo) -> StorageError:
    return StorageError(
        f"the study in {folder} was made by another Étude ({info.etude}), whose arms or sentences this one does not know: "
        "use that one, or run the study again with another --out"
    )
