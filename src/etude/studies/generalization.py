"""Étude 4: what the learning rate does to generalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from etude.analysis.convergence import steps_to_target
from etude.analysis.convergence_findings import convergence_findings, recommended_lr
from etude.analysis.generalization_findings import generalization_findings
from etude.analysis.halving import Aim
from etude.analysis.reading import read_sweep
from etude.analysis.summary import EndSummary, summarize_ends
from etude.core.finding import Finding
from etude.core.measure import AtEnd
from etude.core.message import Message
from etude.report.page import LrFigure, Page, Section, Series
from etude.studies import convergence
from etude.studies.arms import Sweep
from etude.studies.etude import Etude
from etude.studies.figures import (
    curve_figure,
    end_series,
    facts,
    loss_figure,
    series_of,
    spans_decades,
    table_of_all,
)
from etude.studies.stored import StoredStudy
from etude.training.measures.sharpness import Sharpness


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The findings on held-out data, by which a learning rate is recommended here; then those on the training data."""
    (sweep,) = sweeps
    table, options = sweep.table.comparable(), sweep.options
    best, *others = generalization_findings(table, options)
    recommended = recommended_lr(table, read_sweep(table, "validation_loss", options), options)
    on_training = [f for f in convergence_findings(table, options) if f.name != recommended.name]
    return [best, recommended, *others, *on_training]


def lay_out(study: StoredStudy) -> Page:
    """The page: the answer, train and validation, the gap, sharpness, then what ``convergence`` shows."""
    found = steps_to_target(study.table, study.options)
    metrics = ["train_loss", "validation_loss"]
    metrics += ["validation_accuracy"] if study.table.has("validation_accuracy") else []
    metrics += ["sharpness"] if study.table.has("sharpness") else []
    base = convergence.lay_out(study)
    losses = (end_series(study, "validation_loss", "validation"), end_series(study, "train_loss", "train"))
    figures = [loss_figure(study, study.validation, losses, "held_out")]
    figures += [_accuracy(study)] if "validation_accuracy" in metrics else []
    return replace(
        base,
        study="generalization",
        title=Message("study.generalization.title"),
        answer=answer(study),
        sections=(
            Section(
                Message("study.generalization.held_out"),
                (Message("study.generalization.held_out_prose"),),
                tuple(figures),
            ),
            Section(
                Message("study.generalization.gap"),
                (study.finding("generalization_gap").statement,),
                (_gap(study),),
            ),
            Section(
                Message("study.generalization.sharpness"),
                (study.finding("sharpness").statement,),
                (_sharpness(study),) if "sharpness" in metrics else (),
            ),
            Section(
                Message("study.convergence.way"),
                (Message("study.convergence.way_prose"),),
                (curve_figure(study, "validation_loss", "validation_curves"),),
            ),
            Section(Message("study.table.heading"), (), (), (table_of_all(study, found, tuple(metrics)),)),
        ),
        at=facts(study, found, tuple(metrics)),
    )


def answer(study: StoredStudy) -> tuple[Message, ...]:
    """The learning rate to use for held-out data, the edge, and whether the training loss would have told."""
    return (*convergence.answer(study, study.validation), study.finding("train_vs_validation").statement)


def _accuracy(study: StoredStudy) -> LrFigure:
    return _figure(
        study, "accuracy", "page.axis.validation_accuracy", (end_series(study, "validation_accuracy", "validation"),)
    )


def _gap(study: StoredStudy) -> LrFigure:
    train, validation = (summarize_ends(study.table, m, study.options) for m in ("train_loss", "validation_loss"))
    held = np.where(study.table.diverged, np.nan, validation.values - train.values)
    return _figure(study, "gap", "page.axis.gap", (_over_seeds(held),))


def _sharpness(study: StoredStudy) -> LrFigure:
    ends: EndSummary = summarize_ends(study.table, "sharpness", study.options)
    held = np.where(study.table.diverged, np.nan, study.table.final("sharpness"))
    measured = replace(series_of(ends, Message("page.series.train")), points=held)
    measured = replace(measured, mean=_over_seeds(held).mean, low=None, high=None)
    limit = Series(Message("page.series.two_over_eta"), 2 / study.table.lrs)
    values = held[np.isfinite(held) & (held > 0)]
    figure = _figure(study, "sharpness", "page.axis.sharpness", (measured, limit))
    if not len(values):
        return figure
    return replace(figure, log_y=True, y_limits=(float(values.min()) / 2, float(values.max()) * 2))


def _over_seeds(values: np.ndarray) -> Series:
    held = np.isfinite(values).any(axis=1)
    mean = np.full(len(values), np.nan)
    mean[held] = np.nanmean(values[held], axis=1)
    return Series(Message("study.series.mean"), mean, values)


def _figure(study: StoredStudy, name: str, y_label: str, series: tuple[Series, ...]) -> LrFigure:
    return LrFigure(
        id=name,
        title=Message(f"study.{name}.title"),
        caption=Message(f"study.{name}.caption"),
        summary=Message(f"study.{name}.summary"),
        y_label=Message(y_label),
        lrs=study.table.lrs,
        series=series,
        log_y=spans_decades([s.mean for s in series[:1]]),
    )


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """The best learning rates for held-out data and for training, and the edge."""
    return {sweep.arm.name: replace(aim, metrics=("validation_loss", "train_loss"), edge=True) for sweep in sweeps}


GENERALIZATION = Etude(
    name="generalization",
    question=Message("study.generalization.title"),
    measures=(AtEnd(Sharpness()),),
    objective="validation_loss",
    aims=aims,
    find=find,
    lay_out=lay_out,
)
