"""What the étude ``clinic`` finds: how many faults are named, how many healthy runs are accused, what the remedies do."""

from __future__ import annotations

from collections.abc import Sequence

from etude.analysis.plain import plain
from etude.analysis.statistics import wilson_interval
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.studies.arms import Sweep
from etude.studies.clinic.ward import CLOSE, Patient, ward

HALF = 0.5
"""Naming and healing have to succeed more often than a coin."""

RARE = 0.1
"""Of healthy runs, fewer than one in ten may be accused."""


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The findings over all cases, then one for each case, named as the case."""
    patients = ward(sweeps)
    return [named(patients), alarms(patients), healed(patients), *(case_finding(patient) for patient in patients)]


def named(patients: Sequence[Patient]) -> Finding:
    """Are the planted faults named?"""
    right, sick = sum(p.named for p in patients), sum(p.seeds for p in patients)
    low, high = wilson_interval(right, sick)
    values: dict[str, Value] = {"right": right, "sick": sick, "low": low, "high": high, "cases": len(patients)}
    return Finding(
        "named",
        Message("clinic.named.question"),
        _above(HALF, low, high),
        Message("clinic.named.statement", values | {"always": sum(p.named == p.seeds for p in patients)}),
        right / sick,
        (low, high),
        details=plain({"named": {p.name: p.named for p in patients}, "seeds": patients[0].seeds}),
        runs=_runs(patients),
    )


def alarms(patients: Sequence[Patient]) -> Finding:
    """Are healthy runs accused? Cases that share a twin count it once."""
    twins = {twin.trace.spec_hash: twin.accused for p in patients for twin in p.twins}
    accused = sum(twins.values())
    low, high = wilson_interval(accused, len(twins))
    verdict = {Verdict.SUPPORTED: Verdict.REFUTED, Verdict.REFUTED: Verdict.SUPPORTED}
    above = _above(RARE, low, high)
    values: dict[str, Value] = {"quiet": len(twins) - accused, "twins": len(twins), "low": low, "high": high}
    return Finding(
        "alarms",
        Message("clinic.alarms.question"),
        verdict.get(above, above),
        Message("clinic.alarms.statement", values | {"accused": accused}),
        accused / len(twins),
        (low, high),
        runs=tuple(twins),
    )


def healed(patients: Sequence[Patient]) -> Finding:
    """Do runs at the η that was printed come as far as the healthy twin?"""
    question = Message("clinic.healed.question")
    treated, well = sum(len(p.treated) for p in patients), sum(p.healed for p in patients)
    if not treated:
        return Finding("healed", question, Verdict.INCONCLUSIVE, Message("clinic.healed.none"), runs=_runs(patients))
    low, high = wilson_interval(well, treated)
    values: dict[str, Value] = {"healed": well, "treated": treated, "low": low, "high": high, "close": CLOSE}
    return Finding(
        "healed",
        question,
        _above(HALF, low, high),
        Message("clinic.healed.statement", values),
        well / treated,
        (low, high),
        details=plain({"healed": {p.name: p.healed for p in patients if p.treated}}),
        runs=_runs(patients),
    )


def case_finding(patient: Patient) -> Finding:
    """Is this fault named, is its twin left in peace, and does the printed η heal?"""
    low, high = wilson_interval(patient.named, patient.seeds)
    values: dict[str, Value] = {"named": patient.named, "seeds": patient.seeds, "low": low, "high": high}
    values["quiet"] = patient.seeds - patient.alarms
    statement = Message("clinic.case.other", values)
    if patient.treated:
        least, most = wilson_interval(patient.healed, len(patient.treated))
        told: dict[str, Value] = {"healed": patient.healed, "treated": len(patient.treated), "close": CLOSE}
        statement = Message("clinic.case.eta", values | told | {"least": least, "most": most})
    return Finding(
        patient.name.replace("-", "_"),
        heading(patient),
        _above(HALF, low, high),
        statement,
        patient.named / patient.seeds,
        (low, high),
        details=plain({"said": [[d.fault.value for d in course.visits[0].diagnoses] for course in patient.courses]}),
        runs=patient.runs,
    )


def heading(patient: Patient) -> Message:
    """Number and name of a case."""
    return Message(f"clinic.{patient.name}.heading", {"number": patient.number})


def _above(level: float, low: float, high: float) -> Verdict:
    """Whether a probability is above a level."""
    return Verdict.SUPPORTED if low > level else Verdict.REFUTED if high < level else Verdict.INCONCLUSIVE


def _runs(patients: Sequence[Patient]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for patient in patients for run in patient.runs))
