"""The page of the étude ``clinic``: an overview, then one section for each case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etude.analysis.diagnosis.verdict import Fault
from etude.core.message import Message, Value
from etude.report.page import Cell, Column, Page, Section, Table
from etude.studies.clinic.figures import deciding_figure, loss_figure
from etude.studies.clinic.find import case_finding, heading
from etude.studies.clinic.visits import MOST_VISITS, Visit
from etude.studies.clinic.ward import CLOSE, Patient, ward
from etude.studies.diagnosis.answer import fault_name
from etude.studies.layout import provenance
from etude.studies.stored import StoredStudy

UNSHOWN = ("batch", "fast", "moments")
ANSWER = ("named", "alarms", "healed")


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
    """A case: what was done to the run, what the diagnosis says of its first seed, what became of it."""
    course = patient.courses[0]
    sick = course.visits[0]
    says = "clinic.says_forked" if patient.case.sick.forked else "clinic.says"
    said = [Message(f"clinic.{patient.name}.story"), Message(says), *_verdict(sick)]
    right = sick.first.fault in patient.case.truth
    if not right:
        said.append(Message("clinic.wrong"))
    if len(course.visits) > 1:
        said.append(Message("clinic.course", {"lrs": " → ".join(f"{visit.lr:.3g}" for visit in course.visits)}))
    elif right and sick.first.remedy is not None:
        said.append(Message("clinic.no_lr"))
    said.append(case_finding(patient).statement)
    return Section(heading(patient), tuple(said), (loss_figure(patient), deciding_figure(patient)))


def _verdict(sick: Visit) -> list[Message]:
    """The first verdict's symptom, remedy and falsifier, then the symptoms of its probable consequences."""
    first, *others = sick.diagnoses
    said = [first.symptom]
    said += [first.remedy.text] if first.remedy is not None else []
    said += [first.falsifier] if first.falsifier is not None else []
    # That nothing was learned, and not because of η, is no news beside the reason.
    also = [other.symptom for other in others if other.accuses and other.fault is not Fault.PLATEAU]
    return [*said, *([Message("clinic.also"), *also] if also else [])]


def _of(some: int, every: int) -> str:
    return f"{some}/{every}"
