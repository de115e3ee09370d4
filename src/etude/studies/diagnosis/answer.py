"""What a recorded training has, as a page, a text and JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault
from etude.core.errors import ExecutionError
from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.core.record import to_plain
from etude.report.catalogue import say
from etude.report.html import write_html
from etude.report.page import Fact, Page, Section
from etude.studies.diagnosis.columns import Facts
from etude.studies.diagnosis.figures import figures_of
from etude.studies.diagnosis.observed import Observed
from etude.studies.diagnosis.read import read_training

REPORT = "report.html"
_LABELS = {"created": Message("study.provenance.created")}
NO_FACTS = Facts()


@final
@dataclass(frozen=True)
class Diagnosed:
    """A training on the disk, and what is wrong with it.

    Attributes:
        path: A monitor's folder, a CSV file, or a log of TensorBoard.
        facts: What is known beside a log.
    """

    path: Path
    facts: Facts = NO_FACTS

    @cached_property
    def training(self) -> Observed:
        """The training as it was found."""
        return read_training(self.path, self.facts)

    @cached_property
    def diagnoses(self) -> list[Diagnosis]:
        """The verdicts, causes before consequences."""
        return diagnose(self.training.record)

    @cached_property
    def page(self) -> Page:
        """Its page, before it has a medium."""
        training, diagnoses = self.training, self.diagnoses
        first = diagnoses[0]
        answer = [first.symptom] + ([first.remedy.text] if first.remedy is not None else [])
        return Page(
            study="diagnosis",
            title=Message("monitor.title"),
            subtitle=training.subtitle,
            answer=tuple(answer),
            findings=tuple(finding_of(diagnosis) for diagnosis in diagnoses),
            sections=(
                Section(
                    Message("monitor.heading.verdicts"),
                    facts=_told(diagnoses),
                ),
                Section(Message("monitor.heading.evidence"), figures=figures_of(training, diagnoses)),
            ),
            rests_on=training.rests_on,
            would_change=(Message("monitor.change.more"),),
            command=shlex.join(["etude", "diagnose", str(self.path)]),
            notes=training.notes,
            provenance=tuple(Fact(_LABELS.get(name, name), value) for name, value in training.provenance.items()),
        )

    def json(self) -> str:
        """The verdicts as JSON, sentences in English and, under names that end in ``_zh``, in Chinese."""
        training = self.training
        plain = {
            "source": str(self.path),
            "steps": training.record.trace.outcome.step,
            "in_rows": training.in_rows,
            "diagnoses": [_plain(diagnosis) for diagnosis in self.diagnoses],
        }
        return json.dumps(plain | _said("notes", training.notes), indent=2, ensure_ascii=False, allow_nan=False)

    def write_report(self) -> Path:
        """Write ``report.html`` into a recording's folder, or beside a log, and return its path.

        Raises:
            ExecutionError: When the file cannot be written.
        """
        path = self.path / REPORT if self.path.is_dir() else self.path.with_suffix(".html")
        page = self.page
        try:
            write_html(page, path)
        except OSError as error:
            raise ExecutionError(
                f"cannot write {path} ({error.strerror}): choose a folder that can be written"
            ) from None
        return path


def fault_name(fault: Fault) -> Message:
    """A fault in a few words."""
    return Message(f"monitor.fault.{fault.value}")


def confidence_name(confidence: Confidence) -> Message:
    """How sure a verdict is, in a word."""
    return Message(f"monitor.confidence.{confidence.value}")


def finding_of(diagnosis: Diagnosis) -> Finding:
    """A verdict as a page shows it."""
    undecided = diagnosis.fault is Fault.UNDECIDED
    return Finding(
        name=diagnosis.fault.value,
        question=fault_name(diagnosis.fault),
        verdict=Verdict.INCONCLUSIVE if undecided else Verdict.SUPPORTED,
        statement=diagnosis.symptom,
        # A number without a unit is in the sentence, which says what it is.
        estimate=diagnosis.estimate if diagnosis.unit else None,
        interval=diagnosis.interval if diagnosis.unit else None,
        unit=diagnosis.unit,
        details=diagnosis.details,
    )


def _told(diagnoses: Sequence[Diagnosis]) -> tuple[Fact, ...]:
    """Of each fault its remedy, what would refute it, and what evidence is missing; what several share is told once."""
    told: list[tuple[Message, Message]] = []
    for diagnosis in diagnoses:
        told += [(fault_name(diagnosis.fault), diagnosis.remedy.text)] if diagnosis.remedy is not None else []
        told += [(Message("page.fact.refuted"), diagnosis.falsifier)] if diagnosis.falsifier is not None else []
        told += [(Message("page.fact.wanted"), message) for message in diagnosis.wanted]
    return tuple(Fact(*row) for i, row in enumerate(told) if row[1] not in [said for _, said in told[:i]])


def _plain(diagnosis: Diagnosis) -> dict[str, Any]:
    remedy = diagnosis.remedy
    return {
        "fault": diagnosis.fault.value,
        "confidence": diagnosis.confidence.value,
        "began": diagnosis.began,
        "estimate": to_plain(diagnosis.estimate),
        "interval": to_plain(diagnosis.interval),
        "unit": diagnosis.unit,
        "cause": None if diagnosis.cause is None else diagnosis.cause.value,
        "details": to_plain(diagnosis.details),
        "remedy": None
        if remedy is None
        else {"lr_factor": to_plain(remedy.lr_factor), "restart": remedy.restart, "changes": to_plain(remedy.changes)}
        | _said("text", [remedy.text]),
        **_said("symptom", [diagnosis.symptom]),
        **_said("falsifier", [] if diagnosis.falsifier is None else [diagnosis.falsifier]),
        **_said("wanted", diagnosis.wanted),
    }


def _said(name: str, messages: Sequence[Message]) -> dict[str, list[str]]:
    return {name: [say(m) for m in messages], f"{name}_zh": [say(m, "zh") for m in messages]}
