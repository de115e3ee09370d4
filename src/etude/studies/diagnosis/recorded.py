"""A monitor's recording, read as a lane's trace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from etude.analysis.diagnosis.record import RunRecord
from etude.core.errors import UserError
from etude.core.message import Message
from etude.core.trace import Array, Ending
from etude.storage.recording import KILLED, Recording, Tables, read_recording
from etude.studies.diagnosis.observed import Observed, trace_of
from etude.studies.diagnosis.readings import beside, merged_readings

_DENSE = 0.99  # share of the steps that have a number, from which on a column counts as read at every step
_MOST_NUMBERS = 50_000_000  # 400 MB
_MOST_SKIPPED = 0.3  # share of the steps: a gradient scaler that skips as many is not to be trained with
_SAME = 1e-3  # relative: norms that clipping has made equal


def read_recorded(folder: Path) -> Observed:
    """Read what a monitor recorded, also while it is recording.

    Raises:
        UserError: When the folder holds no recording, or one of no step.
        DamagedError: When it does not match its checksums.
    """
    recording = read_recording(folder)
    if not len(recording.tables.get("steps", {}).get("step", ())):
        raise UserError(
            f"the recording in {folder} holds no step so far: wait some seconds if it has just begun, "
            "else call monitor.step(loss) after every optimizer.step()"
        )
    facts = recording.facts
    per_step = _per_step(recording.tables)
    own = dict(recording.tables.get("evaluations", {}))
    readings = merged_readings(recording.tables.get("readings", {}))
    evaluations = (
        (own or _beginning(recording.tables["steps"])) if readings is None else beside(own, readings, per_step)
    )
    drawn = {"gradient_norm": per_step["gradient_norm"]} if "gradient_norm" in per_step else {}
    if drawn and np.isfinite(drawn["gradient_norm"]).mean() < _DENSE:
        del per_step["gradient_norm"]  # a gap is no spike
    plan = recording.tables.get("plan")
    known = {name: facts[name] for name in ("horizon", "batch_size", "examples", "clip_norm", "chance_loss")}
    record = RunRecord(
        trace_of(per_step, evaluations, recording.outcome),
        rule=facts["rule"],
        hyperparameters=facts["hyperparameters"],
        planned_lr=None if plan is None else plan["lr"],
        layers=tuple(facts["layers"]),
        **known,
    )
    lr = per_step.get("lr", np.full(1, np.nan))
    values: dict[str, str | int | float] = {
        "steps": len(recording.tables["steps"]["step"]),
        "rule": " + ".join(facts["optimizers"]),
        "lr": float(np.nanmax(lr, initial=0.0)),
    }
    about = recording.info.provenance
    return Observed(
        source=folder,
        record=record,
        subtitle=Message("monitor.subtitle.recording", values),
        notes=_notes(recording, drawn.get("gradient_norm")),
        rests_on=_cadence(recording),
        drawn=drawn,
        provenance={"Étude": recording.info.etude, "torch": str(about.get("torch", "?"))}
        | {"created": recording.info.created},
    )


def _per_step(tables: Tables) -> dict[str, Array]:
    """Every column with one entry per step, NaN where it was not read."""
    steps = tables["steps"]
    first, count = int(steps["step"][0]), len(steps["step"])
    columns = {name: column.copy() for name, column in steps.items() if name not in ("step", "skipped")}
    _hold_over_skips(columns, steps.get("skipped"))
    for table in ("layers", "angles"):
        own = tables.get(table, {"step": np.zeros(0)})
        at = own["step"].astype(np.int64) - first
        inside = (at >= 0) & (at < count)
        names = [name for name in own if name != "step" and name not in columns]
        if len(names) * count > _MOST_NUMBERS:
            names = [name for name in names if "/" not in name]
        for name in names:
            columns[name] = np.full(count, np.nan)
            columns[name][at[inside]] = own[name][inside]
    return columns


def _beginning(steps: Mapping[str, Array]) -> dict[str, Array]:
    """The first batch's loss as an evaluation before the first update: the second loss may be one that a huge update made."""
    if "loss" not in steps or steps["step"][0] > 0:
        return {}
    return {"step": np.zeros(1), "train_loss": steps["loss"][:1]}


def _hold_over_skips(columns: dict[str, Array], skipped: Array | None) -> None:
    """A gradient scaler's skipped update is no divergence: its numbers are those of the step before."""
    if skipped is None:
        return
    for name in ("loss", "gradient_norm"):
        column = columns.get(name)
        if column is not None:
            for t in np.flatnonzero((skipped > 0) & ~np.isfinite(column)):
                column[t] = column[t - 1] if t else np.nan
            known = np.flatnonzero(np.isfinite(column))
            if len(known) and skipped[: known[0]].all():
                column[: known[0]] = column[known[0]]


def _notes(recording: Recording, norm: Array | None) -> tuple[Message, ...]:
    outcome = recording.outcome
    notes = []
    if outcome.reason == KILLED:
        notes.append(Message("monitor.note.killed", {"step": outcome.step}))
    elif outcome.ending is Ending.STOPPED:
        notes.append(Message("monitor.note.stopped", {"step": outcome.step, "reason": outcome.reason}))
    notes += _misuse(recording.tables)
    known = np.zeros(0) if norm is None else norm[np.isfinite(norm) & (norm > 0)]
    if len(known) >= 10:
        most = float(known.max())
        share = float((known > most * (1 - _SAME)).mean())
        if share > 0.2:
            notes.append(Message("monitor.note.clipped", {"norm": most, "share": share}))
    return tuple(notes)


def _misuse(tables: Tables) -> list[Message]:
    """What tells that the loop calls the monitor in another way than it means to."""
    steps = tables["steps"]
    if "loss" not in steps:
        return [Message("monitor.note.no_loss")]
    skipped = steps.get("skipped", np.zeros(len(steps["step"]))) > 0
    if skipped.mean() > _MOST_SKIPPED:
        return [Message("monitor.note.no_updates", {"missed": int(skipped.sum()), "steps": len(skipped)})]
    pending = tables.get("pace", {}).get("pending", np.zeros(1))[-1]
    if skipped[0] and not skipped[1:].any() and pending == 1:
        return [Message("monitor.note.order")]
    return []


def _cadence(recording: Recording) -> tuple[Message, ...]:
    pace = recording.tables.get("pace")
    if pace is None:
        return ()
    values: dict[str, str | int | float] = {
        "looks": len(recording.tables.get("layers", {}).get("step", ())),
        "steps": len(recording.tables["steps"]["step"]),
        "every": int(pace["every"][-1]),
        "cost": float(pace["cost"][-1]),
        "seconds": float(pace["seconds"][-1]),
    }
    readings: dict[str, str | int | float] = {
        name: int(pace[name][-1]) for name in ("inside", "probes", "sharpness") if name in pace
    }
    said = [Message("monitor.rests.cadence", values)]
    budget = recording.facts.get("budget")
    if budget is not None and float(values["cost"]) > budget:
        said.append(Message("monitor.rests.beyond", {"budget": budget}))
    if readings:
        said.append(Message("monitor.rests.readings", readings))
    if pace.get("compiled", np.zeros(1))[-1]:
        said.append(Message("monitor.rests.compiled"))
    return tuple(said)
