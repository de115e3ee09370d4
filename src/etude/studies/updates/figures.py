"""The figures of the étude ``updates``: losses, ratios and lengths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from etude.analysis.statistics import means
from etude.analysis.table import SweepTable
from etude.analysis.updates.ratios import FOLKLORE, layers_of, typical
from etude.core.message import Message
from etude.core.trace import Array, Trace
from etude.report.figures import HeatAxis, HeatFigure, HeatFrame, Line, LineFigure, Mark
from etude.report.page import Estimate, LrFigure, Series
from etude.studies.figures import spans_decades
from etude.studies.updates.arms import METRIC, Look

BINS = 40
"""Columns of the heat map over the steps."""

LIMITS = (1e-5, 1.0)
"""Update ratios that are told apart: below, nothing moves any more, as where every unit has died."""

BLOCKS = 60
"""Points of a history: single steps scatter more than learning rates differ."""

QUANTITIES = ("weight_norm", "gradient_norm", "update_norm", "update_ratio")


def loss_figure(own: Look) -> LrFigure:
    """Final training loss against η, with the basin and the learning rates that are shown."""
    losses = own.table.result(METRIC)
    reading = own.reading
    known = reading.evidence.against_best is None
    optimum, basin = reading.optimum, reading.basin
    return LrFigure(
        id="loss",
        title=Message("updates.loss.title"),
        caption=Message("updates.loss.caption"),
        summary=Message("updates.loss.summary", {"lr": optimum.grid_lr, "loss": optimum.loss}),
        y_label=Message(f"page.axis.{METRIC}"),
        lrs=own.table.lrs,
        series=(Series(Message(f"page.axis.{METRIC}"), means(losses), losses),),
        log_y=spans_decades([means(losses)]),
        best=Estimate(optimum.lr, *(optimum.interval or (None, None))) if known else None,
        basin=(basin.left, basin.right) if known else None,
        edge=reading.edge.band,
    )


def ratio_figure(own: Look) -> LineFigure:
    """Typical update ratio of each layer against η."""
    lines = []
    for layer in layers_of(own.table):
        ratios = typical(own.table, f"update_ratio/{layer}")
        lines.append(_line(layer, own.table.lrs, ratios, own.table.ran))
    basin = own.reading.basin
    verticals = (
        Mark(basin.left, Message("updates.mark.left")),
        Mark(basin.right, Message("updates.mark.right")),
    )
    return LineFigure(
        id="ratio",
        title=Message("updates.ratio.title"),
        caption=Message("updates.ratio.caption"),
        summary=Message("updates.ratio.summary", {"layers": len(lines), "lrs": len(own.table.lrs)}),
        x_label=Message("page.axis.lr"),
        y_label=Message("updates.axis.update_ratio"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
        y_limits=LIMITS,
        verticals=verticals if own.reading.evidence.against_best is None else (),
        horizontals=(Mark(FOLKLORE, Message("updates.mark.folklore")),),
    )


def heat_figure(own: Look) -> HeatFigure:
    """Update ratio over layer and step, one frame for each learning rate."""
    layers, table = layers_of(own.table), own.table
    longest = _longest(table)
    edges = np.unique(np.linspace(0, longest, min(BINS, longest) + 1).round().astype(int))
    frames = tuple(
        HeatFrame(float(lr), np.array([_binned(table.cells[row], f"update_ratio/{layer}", edges) for layer in layers]))
        for row, lr in enumerate(table.lrs)
    )
    return HeatFigure(
        id="layers",
        title=Message("updates.heat.title"),
        caption=Message("updates.heat.caption"),
        summary=Message("updates.heat.summary", {"layers": len(layers), "lrs": len(frames)}),
        x=HeatAxis(Message("page.axis.step"), (edges[:-1] + edges[1:]) / 2.0),
        y=HeatAxis(Message("updates.axis.layer"), layers),
        value_label=Message("updates.axis.update_ratio"),
        values=frames[own.reading.optimum.index].values,
        frames=frames,
        log_colour=True,
        limits=LIMITS,
    )


def _longest(table: SweepTable) -> int:
    """Steps of the longest run."""
    return max(len(c.per_step["loss"]) for row in table.cells for c in row if c is not None)


def _blocks(columns: Array, size: int) -> tuple[Array, Array]:
    """Middles of blocks of steps, and the geometric mean of positive (S, T) columns over each (S, blocks); 0 where one is 0.

    Example:
        >>> _blocks(np.array([[1.0, 4.0, 0.0, 2.0, 3.0]]), 2)
        (array([0.5, 2.5, 4. ]), array([[2., 0., 3.]]))
    """
    starts = range(0, columns.shape[1], size)
    parts = [columns[:, start : start + size] for start in starts]
    middles = [start + (part.shape[1] - 1) / 2 for start, part in zip(starts, parts, strict=True)]
    level = [
        np.where((part > 0).all(axis=1), np.exp(np.log(np.where(part > 0, part, 1)).mean(axis=1)), 0) for part in parts
    ]
    return np.array(middles), np.array(level).T


def _line(name: Message | str, x: Array, values: Array, ran: NDArray[np.bool_] | None = None) -> Line:
    """Geometric mean over seeds of values (N, S), from the least to the most; a gap where one that ran is missing."""
    ran = np.ones(values.shape, dtype=np.bool_) if ran is None else ran
    whole = np.all(~ran | (np.isfinite(values) & (values > 0)), axis=1)
    logs = np.log(np.where(whole[:, np.newaxis] & ran, values, 1.0))
    middle = np.exp(logs.sum(axis=1) / ran.sum(axis=1))
    low, high = (
        np.exp(logs.min(axis=1, where=ran, initial=np.inf)),
        np.exp(logs.max(axis=1, where=ran, initial=-np.inf)),
    )
    middle, low, high = (np.where(whole, drawn, np.nan) for drawn in (middle, low, high))
    return Line(name, x, middle, low, high)


def _binned(cells: Sequence[Trace | None], column: str, edges: Array) -> Array:
    """Geometric mean over seeds and the steps of a bin; NaN where every run had left."""
    out = np.full(len(edges) - 1, np.nan)
    for i, (start, stop) in enumerate(pairwise(edges)):
        parts = [c.per_step[column][start:stop] for c in cells if c is not None]
        values = np.concatenate(parts) if parts else np.empty(0)
        known = values[np.isfinite(values) & (values > 0)]
        if len(known):
            out[i] = np.exp(np.log(known).mean())
    return out


def history_figure(own: Look, quantity: str) -> LineFigure:
    """A length over the steps at the learning rates that are shown, over all parameters."""
    lines, size = [], -(-_longest(own.table) // BLOCKS)
    for row, lr in zip(own.rows, own.lrs, strict=True):
        traces = [c for c in own.table.cells[row] if c is not None and quantity in c.per_step]
        shortest = min(len(c.per_step[quantity]) for c in traces)
        columns = np.array([c.per_step[quantity][:shortest] for c in traces])
        x, blocks = _blocks(columns, size)
        lines.append(_line(Message("updates.at_lr", {"lr": lr}), x, blocks.T))
    return LineFigure(
        id=quantity.replace("_", "-"),
        title=Message(f"updates.history.{quantity}"),
        caption=Message("updates.history.caption", {"block": size}),
        summary=Message("updates.history.summary", {"lrs": len(lines)}),
        x_label=Message("page.axis.step"),
        y_label=Message(f"updates.axis.{quantity}"),
        lines=tuple(lines),
        log_y=True,
        horizontals=(Mark(FOLKLORE, Message("updates.mark.folklore")),) if quantity == "update_ratio" else (),
    )
