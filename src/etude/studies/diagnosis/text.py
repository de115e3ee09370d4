"""Verdicts in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault
from etude.core.message import Message
from etude.report.catalogue import Language, say
from etude.report.words import both, estimate
from etude.studies.diagnosis.answer import Diagnosed, confidence_name, fault_name, finding_of
from etude.studies.diagnosis.observed import Observed

_STYLES = {Fault.HEALTHY: "green", Fault.EDGE: "green", Fault.UNDECIDED: "yellow"}


def print_diagnosed(answer: Diagnosed, console: Console, language: Language = "en", report: Path | None = None) -> None:
    """Print the verdicts with evidence, remedy and what would falsify them; names are never read as markup."""
    training = answer.training
    console.print(Text(say(training.subtitle, language), style="dim"))
    for note in training.notes:
        console.print(Text("! " + say(note, language), style="yellow"))
    for diagnosis in answer.diagnoses:
        console.print()
        _print(diagnosis, training, console, language)
    console.print()
    for sentence in training.rests_on:
        console.print(Text(say(sentence, language), style="dim"))
    if report is not None:
        console.print(Text(f"{say(Message('page.terminal.report'), language)}  {report}"), soft_wrap=True)


def _print(diagnosis: Diagnosis, training: Observed, console: Console, language: Language) -> None:
    values: dict[str, str | int | float] = {
        "fault": say(fault_name(diagnosis.fault), language),
        "confidence": say(confidence_name(diagnosis.confidence), language),
    }
    style = _STYLES.get(diagnosis.fault, "red" if diagnosis.confidence is not Confidence.POSSIBLE else "yellow")
    parts = [say(Message("monitor.verdict", values), language) if diagnosis.accuses else str(values["fault"])]
    if diagnosis.accuses and diagnosis.began:
        parts.append(_since(training, diagnosis.began, language))
    if diagnosis.cause is not None:
        cause = say(fault_name(diagnosis.cause), language)
        parts.append(say(Message("monitor.because", {"cause": cause}), language))
    console.print(Text("; ".join(parts) if language == "en" else "；".join(parts), style=f"bold {style}"))
    for line in _lines(diagnosis, language):
        console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _since(training: Observed, began: int, language: Language) -> str:
    if training.in_rows:
        return say(Message("monitor.since_row", {"step": began}), language)
    return say(Message("monitor.since", {"step": began}), language)


def _lines(diagnosis: Diagnosis, language: Language) -> list[str]:
    lines = [say(diagnosis.symptom, language)]
    finding = finding_of(diagnosis)
    if finding.interval is not None and finding.estimate is not None:
        text = both(estimate(finding))[language]
        lines.append(_labelled(Message("monitor.label.estimate"), text, language))
    if diagnosis.remedy is not None:
        lines.append(_labelled(Message("monitor.label.remedy"), say(diagnosis.remedy.text, language), language))
    if diagnosis.falsifier is not None:
        lines.append(say(diagnosis.falsifier, language))
    return lines + [say(m, language) for m in diagnosis.wanted]


def _labelled(label: Message, text: str, language: Language) -> str:
    return say(Message("monitor.part", {"label": say(label, language), "text": text}), language)
