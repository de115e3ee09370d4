"""The parts of a page that every sweep over the learning rate shares."""

from __future__ import annotations

import numpy as np

from etude.core.message import Message, Value
from etude.core.record import from_plain
from etude.report.page import Fact
from etude.studies.stored import FINGERPRINT, StoredStudy

SPARING = ("plan.more_seeds", "plan.refine")
"""Why runs were added where the best learning rate is decided; the table of where runs went tells of each."""

NARROWING = ("plan.edge", "plan.some_hold", "plan.some_diverge")
"""Why runs were added to know the edge better, which is a matter of course; other extensions tell of a grid too small."""


def subtitle(study: StoredStudy) -> Message:
    """What was trained, on what, how often."""
    spec = study.spec
    model = "-".join([spec.model, *(f"{h}" for h in spec.hidden)]) if spec.data else study.task
    values: dict[str, Value] = {
        "model": model,
        "rule": ", ".join([_rule(study), *extras(study)]),
        "lrs": len(study.table.lrs),
        "seeds": replicates(study),
        "steps": study.horizon,
        "batch": spec.batch_size,
    }
    if spec.data is None:
        return Message("study.subtitle.own", values)
    return Message("study.subtitle.builtin", values | {"data": spec.data})


def replicates(study: StoredStudy) -> int | str:
    """Seeds of a learning rate; fewest and most, where some got more than others."""
    counts = study.table.ran.sum(axis=1)
    fewest, most = int(counts.min()), int(counts.max())
    return most if fewest == most else f"{fewest}–{most}"


def notes(study: StoredStudy) -> tuple[Message, ...]:
    """What must be known before the figures: where the grid was not wide enough."""
    return tuple(m for m in study.extensions if m.key not in NARROWING and not m.key.startswith(SPARING))


def rests_on(study: StoredStudy) -> tuple[Message, ...]:
    """Assumptions, definitions and amounts behind the answer."""
    seeds, runs = replicates(study), len(study.table.hashes)
    schedule = study.spec.schedule
    return (
        Message("study.rests.runs", {"runs": runs, "seeds": seeds, "lrs": len(study.table.lrs)}),
        *(m for m in study.extensions if m.key in NARROWING),
        Message("study.rests.paired"),
        Message("study.rests.schedule", {"schedule": schedule, "steps": study.horizon}),
        Message("study.rests.final"),
        Message("study.rests.diverged"),
        Message("study.rests.good", {"tolerance": study.options.tolerance, "floor": study.options.floor}),
        Message("study.rests.interval", {"level": 100 * study.options.confidence}),
    )


def would_change() -> tuple[Message, ...]:
    """What would give another answer."""
    return tuple(Message(f"study.change.{what}") for what in ("horizon", "batch", "rule", "seeds"))


def provenance(study: StoredStudy) -> tuple[Fact, ...]:
    """Versions, dates, engine."""
    about = study.info.provenance
    return (
        Fact("Étude", study.info.etude),
        Fact("torch", str(about.get("torch", "?"))),
        Fact("numpy", str(about.get("numpy", "?"))),
        Fact("Python", str(about.get("python", "?"))),
        Fact(Message("study.provenance.machine"), str(about.get("machine", "?"))),
        *_engines(study),
        Fact(Message("study.provenance.created"), study.info.created),
        Fact(Message("study.provenance.task"), str(study.info.spec.get(FINGERPRINT, "?"))),
    )


def _engines(study: StoredStudy) -> list[Fact]:
    distinct = {
        str(arm): arm
        for arm in ({"engine": a["engine"], "reason": a["reason"]} for a in study.engines["arms"].values())
    }
    return [
        fact
        for arm in distinct.values()
        for fact in (
            Fact(Message("study.provenance.engine"), str(arm["engine"])),
            Fact(Message("study.provenance.why"), from_plain(arm["reason"])),
        )
    ]


def trained(study: StoredStudy) -> str:
    """What every run trains, and by which rule: names that read the same in every language."""
    spec = study.spec
    model = [study.task] if spec.data is None else [spec.data, "-".join([spec.model, *(str(h) for h in spec.hidden)])]
    return ", ".join([*model, type(study.sweep.arm.base.rule).__name__, *extras(study)])


def nearest(study: StoredStudy, lr: float | None) -> float:
    """The learning rate among those that ran which lies nearest to one; without one, the best that ran."""
    target = study.training.optimum.grid_lr if lr is None else lr
    return float(study.table.lrs[int(np.abs(np.log(study.table.lrs / target)).argmin())])


def _rule(study: StoredStudy) -> str:
    rule = study.spec.rule()
    shown = [f"{name} {value:g}" for name, value in vars(rule).items() if value and not isinstance(value, bool)]
    shown += [name for name, value in vars(rule).items() if value is True]
    return f"{type(rule).__name__} ({', '.join(shown)})" if shown else type(rule).__name__


def extras(study: StoredStudy) -> list[str]:
    """What beside the update rule is not plain: schedule, controller, clipping."""
    spec = study.spec
    shown = [] if spec.schedule == "constant" else [spec.schedule]
    shown += [] if spec.controller is None else [spec.controller]
    shown += [f"{name} × {text}" for name, text in spec.scheduled.items()]
    shown += [] if spec.clip_value is None else [f"clip value {spec.clip_value:g}"]
    return [*shown, *([] if spec.clip is None else [f"clip {spec.clip:g}"])]
