"""A study as it lies on disk, read for its page; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from etude.report.catalogue import say
from etude.storage.reader import StudyInfo, StudyReader
from etude.studies.spec import StudySpec, make_spec

ROUND = "round-{}"
ENGINE = "engine"
FINGERPRINT = "fingerprint of data, model and loss"


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """A finished study.

    Attributes:
        folder: Where it lies.
        spec: Its options.
        info: When, by which version and on what it was begun.
        task: Name of the task.
        engine: Which engine computed it, and why that one.
        rounds: What each round ran: learning rates, and the reasons for them.
        horizon: Steps of each run that does not diverge before.
        table: Its runs, laid out.
        findings: What was concluded.
    """

    folder: Path
    spec: StudySpec
    info: StudyInfo
    task: str
    engine: dict[str, Any]
    rounds: tuple[dict[str, Any], ...]
    horizon: int
    table: SweepTable
    findings: tuple[Finding, ...]

    @property
    def options(self) -> SweepOptions:
        """How its sweep is analysed."""
        return sweep_options(self.spec)

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
        """Why learning rates beyond the grid were run."""
        return tuple(from_plain(reason) for later in self.rounds[1:] for reason in later["reasons"])

    def finding(self, name: str) -> Finding:
        """The finding of this name."""
        return next(f for f in self.findings if f.name == name)


def sweep_options(spec: StudySpec) -> SweepOptions:
    """The analysis' options that follow from the study's."""
    lrs = spec.lrs
    return SweepOptions(tolerance=spec.tolerance, target=spec.target, lr_range=(lrs[0], lrs[-1]))


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
        while (plan := reader.plan(ROUND.format(len(rounds)))) is not None:
            rounds.append(plan)
        table = SweepTable.of([(s, traces[s.hash]) for s in specs])
        engine = reader.plan(ENGINE) or {}
    _check_sentences(folder, info, [m for f in findings for m in (f.question, f.statement)])
    _check_sentences(folder, info, [from_plain(reason) for later in rounds for reason in later["reasons"]])
    return StoredStudy(folder, spec, info, specs[0].task.name, engine, tuple(rounds), specs[0].steps, table, findings)


def _check_sentences(folder: Path, info: StudyInfo, messages: Sequence[Message]) -> None:
    try:
        for message in messages:
            say(message)
    except (LookupError, ValueError) as error:
        raise StorageError(
            f"the study in {folder} was made by another Étude ({info.etude}), whose sentences this one does not know: "
            "use that one, or run the study again with another --out"
        ) from error
