"""What the learning rate does to held-out data: the findings."""

from __future__ import annotations

import numpy as np

from etude.analysis.answers import LOSS, answer, basis, cannot_say, level
from etude.analysis.convergence_findings import best_lr
from etude.analysis.evidence import few_seeds
from etude.analysis.generalization import choose_by_training, gap_at, sharpness_at, sharpness_correlation
from etude.analysis.options import SweepOptions
from etude.analysis.reading import SweepReading, read_sweep
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value

_METRIC = "validation_loss"


def generalization_findings(table: SweepTable, options: SweepOptions) -> list[Finding]:
    """The held-out data's answers.

    ``best_lr_validation``, ``generalization_gap``, ``sharpness``, ``sharpness_and_loss``, ``sharpness_and_gap`` and
    ``train_vs_validation``. Learning rates that fewer than two seeds have finished are left out.

    Raises:
        SpecError: When no learning rate was run on every seed, or when a loss was not measured.
    """
    table = table.comparable()
    reading = read_sweep(table, _METRIC, options)
    validation, train = table.final(_METRIC), table.final("train_loss")
    return [
        best_lr(table, reading, options, "best_lr_validation"),
        generalization_gap(table, reading, options),
        sharpness(table, reading, options),
        sharpness_relation(table, "sharpness_and_loss", validation, options),
        sharpness_relation(table, "sharpness_and_gap", validation - train, options),
        train_vs_validation(table, reading, options),
    ]


def generalization_gap(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """How much higher is the loss on held-out data than on the training set?"""
    index, lr = reading.optimum.index, reading.optimum.grid_lr
    gaps = table.final(_METRIC) - table.final("train_loss")
    details = basis(table, _METRIC, options) | {"lr": lr, "grid": table.lrs, "gap": gaps}
    question = Message("generalization_gap.question")
    objection = reading.evidence.against_curve or few_seeds(table, 2)
    if objection is not None:
        return cannot_say(table, "generalization_gap", question, objection, LOSS, details)
    gap = gap_at(table, index, options)
    if gap.interval is None:
        unmeasured = Message("generalization_gap.unmeasured", {"lr": lr})
        return cannot_say(table, "generalization_gap", question, unmeasured, LOSS, details)
    low, high = gap.interval
    values = level(table, options) | {"lr": lr, "gap": gap.estimate, "low": low, "high": high}
    values |= {"validation": float(np.nanmean(table.final(_METRIC)[index]))}
    values |= {"train": float(np.nanmean(table.final("train_loss")[index]))}
    kind = "higher" if low > 0 else "lower" if high < 0 else "none"
    statement = Message(f"generalization_gap.{kind}", values)
    return answer(table, "generalization_gap", question, statement, gap.estimate, gap.interval, LOSS, details)


def sharpness(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """How sharp is the point that training reaches at the best learning rate?"""
    lr = reading.optimum.grid_lr
    details = basis(table, _METRIC, options) | {"lr": lr, "grid": table.lrs, "sharpness": table.final("sharpness")}
    details |= {"error": table.final("sharpness_error")}
    question = Message("sharpness.question")
    measured = sharpness_at(table, reading.optimum.index, options)
    objection = reading.evidence.against_curve
    if objection is None and measured is None:
        objection = Message("sharpness.unmeasured", {"lr": lr})
    if objection is not None:
        return cannot_say(table, "sharpness", question, objection, "", details)
    assert measured is not None, "else the objection above holds"
    values: dict[str, Value] = {"lr": lr, "sharpness": measured.estimate, "product": measured.estimate * lr}
    kind = "one_seed"
    if measured.interval is not None:
        kind, values = "interval", values | level(table, options)
        values |= {"low": measured.interval[0], "high": measured.interval[1], "seeds": measured.seeds}
    statement = Message(f"sharpness.{kind}", values)
    return answer(table, "sharpness", question, statement, measured.estimate, measured.interval, "", details)


def sharpness_relation(
    table: SweepTable, name: str, against: np.ndarray[tuple[int, ...], np.dtype[np.float64]], options: SweepOptions
) -> Finding:
    """Do flatter end points go with a lower validation loss, or a smaller gap, across learning rates?"""
    question = Message(f"{name}.question")
    details = basis(table, _METRIC, options)
    found = sharpness_correlation(table, against, options)
    if found is None:
        measured = int((np.isfinite(table.final("sharpness")).all(axis=1)).sum())
        return cannot_say(table, name, question, Message("sharpness.too_few", {"measured": measured}), "", details)
    low, high = found.interval
    details |= {"rank_correlation": found.estimate, "interval": found.interval, "grid": found.lrs}
    values = level(table, options) | {"rho": found.estimate, "low": low, "high": high, "points": len(found.lrs)}
    if low <= 0 <= high:
        return cannot_say(table, name, question, Message(f"{name}.unclear", values), "", details)
    verdict, kind = (Verdict.SUPPORTED, "flatter_better") if low > 0 else (Verdict.REFUTED, "sharper_better")
    statement = Message(f"{name}.{kind}", values)
    return answer(table, name, question, statement, found.estimate, found.interval, "", details, verdict)


def train_vs_validation(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """Does the learning rate that trains best also generalize best?"""
    name, question = "train_vs_validation", Message("train_vs_validation.question")
    trained = read_sweep(table, "train_loss", options)
    best = {"best_lr": trained.optimum.lr, "best_lr_validation": reading.optimum.lr}
    details = basis(table, _METRIC, options) | best
    objection = reading.evidence.against_curve or trained.evidence.against_curve or few_seeds(table, 3)
    if objection is not None:
        return cannot_say(table, name, question, objection, LOSS, details)
    choice = choose_by_training(table, options)
    low, high = choice.interval
    details |= {
        "regret": choice.regret,
        "regret_interval": choice.interval,
        "per_seed": choice.per_seed,
        "margin": choice.margin,
        "log2_ratio": choice.log2_ratio,
        "log2_ratio_interval": choice.ratio_interval,
    }
    values = level(table, options) | {"margin": choice.margin}
    values |= {"train_lr": choice.train_lr, "validation_lr": choice.validation_lr}
    values |= {"regret": choice.regret, "low": low, "high": high}
    if high <= choice.margin:
        verdict, kind = Verdict.SUPPORTED, "same"
    elif low > 0:
        verdict, kind = Verdict.REFUTED, "different"
    else:
        return cannot_say(table, name, question, Message(f"{name}.unclear", values), LOSS, details)
    statement = Message(f"{name}.{kind}", values)
    return answer(table, name, question, statement, choice.regret, choice.interval, LOSS, details, verdict)
