"""The page of the étude ``clinic``: an overview, then one section for each case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etude.analysis.diagnosis.verdict import Fault
from etude.core.message import Message, Value
from etude.report.page import Cell, Column, Fact, Page, Section, Table
from etude.studies.clinic.figures import deciding_figure, loss_figure
from etude.studies.clinic.find import case_finding, heading
from etude.studies.clinic.visits import MOST_VISITS
from etude.studies.clinic.ward import CLOSE, Patient, ward
from etude.studies.diagnosis.answer import fault_name
from etude.studies.layout import provenance
from etude.studies.stored import StoredStudy

UNSHOWN = ("batch", "fast", "moments")
ANSWER = ("named", "alarms", "healed")
_LABELS = {"falsifier": Message("page.fact.refuted")}


def lay_out(study: StoredStudy) -> Page:
    """The page."""
    patients = ward(study.sweeps)
    missed = [patient for patient in patients if patient.named < patient.seeds]
    runs = len({run for sweep in study.sweeps for run in sweep.table.hashes})
    amounts: dict[str, Value] = {"cases": len(patients), "seeds": patients[0].seeds, "steps": study.horizon}
    return Page(
        study="clinic",
        title=Message("clinic.title"),
        subtitle=Message("clinic.subtitle", amounts),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        notes=(Message("clinic.missed", {"cases": ", ".join(str(p.number) for p in missed)}),) if missed else (),
        findings=study.findings,
        sections=(
            Section(
                Message("clinic.overview.heading"), (Message("clinic.overview.prose"),), (), (_overview(patients),)
            ),
            *(_section(patient) for patient in patients),
            Section(Message("clinic.unshown.heading"), tuple(Message(f"clinic.unshown.{name}") for name in UNSHOWN)),
        ),
        rests_on=(
            Message("clinic.rests.runs", {"runs": runs, "seeds": patients[0].seeds}),
            Message("clinic.rests.trace"),
            Message("clinic.rests.named"),
            Message("clinic.rests.healed", {"close": CLOSE, "visits": MOST_VISITS}),
            Message("clinic.rests.interval", {"level": 100 * study.options.confidence}),
        ),
        would_change=(Message("clinic.change.cases"), Message("clinic.change.rules"), Message("study.change.seeds")),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _overview(patients: Sequence[Patient]) -> Table:
    headings = ("case", "named", "instead", "quiet", "healed")
    return Table(
        id="overview",
        title=Message("clinic.overview.title"),
        columns=tuple(Column(Message(f"clinic.column.{name}")) for name in headings),
        rows=tuple(_row(patient) for patient in patients),
        caption=Message("clinic.overview.caption"),
    )


def _row(patient: Patient) -> tuple[Cell, ...]:
    return (
        heading(patient),
        _of(patient.named, patient.seeds),
        None if patient.said is None else fault_name(patient.said),
        _of(patient.seeds - patient.alarms, patient.seeds),
        _of(patient.healed, len(patient.treated)) if patient.treated else None,
    )


def _section(patient: Patient) -> Section:
    """A case: what was done to the run, how it looks, what the diagnosis says of its first seed, what became of it."""
    return Section(
        heading(patient),
        (Message(f"clinic.{patient.name}.story"),),
        (loss_figure(patient), deciding_figure(patient)),
        facts=tuple(Fact(_LABELS.get(name, Message(f"clinic.fact.{name}")), said) for name, said in _told(patient)),
        beside=True,
    )


def _told(patient: Patient) -> list[tuple[str, Message]]:
    """What the diagnosis says of the sick run at the first seed, and what became of it, each with the name of its label."""
    course = patient.courses[0]
    first, *others = course.visits[0].diagnoses
    told = [("verdict", first.symptom)]
    right = first.fault in patient.case.truth
    if not right:
        told.append(("wrong", Message("clinic.wrong")))
    # That nothing was learned, and not because of η, is no news beside the reason.
    told += [("also", d.symptom) for d in others if d.accuses and d.fault is not Fault.PLATEAU]
    told += [("remedy", first.remedy.text)] if first.remedy is not None else []
    told += [("falsifier", first.falsifier)] if first.falsifier is not None else []
    if len(course.visits) > 1:
        lrs = " → ".join(f"{visit.lr:.3g}" for visit in course.visits)
        told.append(("course", Message("clinic.course", {"lrs": lrs})))
    elif right and first.remedy is not None:
        told.append(("course", Message("clinic.no_lr")))
    return [*told, ("seeds", case_finding(patient).statement)]


def _of(some: int, every: int) -> str:
    return f"{some}/{every}"
