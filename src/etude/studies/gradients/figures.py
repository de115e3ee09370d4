"""The figures of the étude ``gradients``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from etude.analysis.gradients.depth import DeepSweep, profile, shown
from etude.analysis.gradients.signals import Prediction, predict
from etude.analysis.statistics import means
from etude.core.message import Message
from etude.core.trace import Array
from etude.report.figures import HeatAxis, HeatFigure, HeatFrame, Line, LineFigure, Mark
from etude.studies.arms import Sweep
from etude.studies.figures import spans_decades
from etude.studies.gradients.arms import METRIC
from etude.studies.gradients.find import recurrent
from etude.studies.gradients.networks import WIDTH

MOST_SHOWN = 3.0
"""Losses from here on look alike in the maps: an untrained network has ln 10 = 2.3 on ten classes."""


def by_depth(sweeps: Sequence[DeepSweep], activation: str, quantity: str) -> LineFigure:
    """Root mean squares at initialization by layer, measured and foretold, of the deepest networks of an activation.

    Args:
        sweeps: The networks.
        activation: Which of them.
        quantity: ``"activation"`` or ``"delta"``.
    """
    lines: list[Line] = []
    for own in sweeps:
        names, signal = profile(own.table, "activation_rms")
        if own.activation != activation or not names:
            continue
        _, found = profile(own.table, f"{quantity}_rms")
        column = found[1:] if quantity == "activation" else found[:-1]
        foretold = [predict(first, own.depth, own.init, activation, WIDTH) for first in signal[1]]
        theory = _theory(foretold, column, quantity)
        x = np.arange(1.0, own.depth + 1)
        low, high = column.min(axis=1), column.max(axis=1)
        lines.append(Line(own.label, x, _geometric(column), low, high))
        name = Message("gradients.theory", {"name": own.label})
        lines.append(Line(name, x, theory, style="dashed", like=len(lines) - 1))
    return LineFigure(
        id=f"{activation}-{quantity}",
        title=Message(f"gradients.{quantity}.title", {"activation": shown(activation)}),
        caption=Message(f"gradients.{quantity}.caption"),
        summary=Message("gradients.by_depth.summary", {"lines": len(lines) // 2}),
        x_label=Message("gradients.axis.layer"),
        y_label=Message(f"gradients.axis.{quantity}"),
        lines=tuple(lines),
        log_y=True,
    )


def _theory(foretold: Sequence[Prediction], measured: Array, quantity: str) -> Array:
    if quantity == "activation":
        return np.asarray(np.exp(np.mean([np.log(p.activations) for p in foretold], axis=0)))
    deltas = np.exp(np.mean([np.log(p.deltas) for p in foretold], axis=0))
    return np.asarray(_geometric(measured)[-1] * deltas)


def _geometric(values: Array) -> Array:
    """Geometric mean over seeds of (layers, S)."""
    return np.asarray(np.exp(np.log(np.maximum(values, 1e-300)).mean(axis=1)))


def in_training(sweeps: Sequence[DeepSweep], activation: str) -> LineFigure:
    """How δ grows towards the output while training, each network at its own best learning rate."""
    lines = []
    for own in sweeps:
        if own.activation != activation or not profile(own.table, "delta_rms")[0]:
            continue
        row = int(np.argmin(means(own.table.result(METRIC))))
        curves = [
            t.evaluations["delta_slope"] for t in own.table.cells[row] if t is not None and not t.outcome.diverged
        ]
        if curves:
            columns = np.array(curves)
            steps = next(
                t.evaluations["step"] for t in own.table.cells[row] if t is not None and not t.outcome.diverged
            )
            lines.append(Line(own.label, steps, columns.mean(axis=0), columns.min(axis=0), columns.max(axis=0)))
    return LineFigure(
        id=f"{activation}-training",
        title=Message("gradients.training.title", {"activation": shown(activation)}),
        caption=Message("gradients.training.caption"),
        summary=Message("gradients.by_depth.summary", {"lines": len(lines)}),
        x_label=Message("page.axis.step"),
        y_label=Message("gradients.axis.slope"),
        lines=tuple(lines),
        horizontals=(Mark(0.0, Message("gradients.mark.even")),),
    )


def depth_maps(sweeps: Sequence[DeepSweep], activation: str) -> tuple[HeatFigure, HeatFigure]:
    """Final loss over depth and initialization: at each one's best learning rate, and at one for all.

    That one is at first the one at which they do best on the whole (geometric mean).
    """
    own = [sweep for sweep in sweeps if sweep.activation == activation]
    rows, columns = list(dict.fromkeys(s.label for s in own)), sorted({s.depth for s in own})

    def lay(number: Callable[[Array], float]) -> Array:
        out = np.full((len(rows), len(columns)), np.nan)
        for sweep in own:
            out[rows.index(sweep.label), columns.index(sweep.depth)] = number(means(sweep.table.result(METRIC)))
        return out

    best = lay(lambda loss: float(loss.min()))
    levels = np.array([means(sweep.table.result(METRIC)) for sweep in own])
    telling = int(np.argmin(np.log(np.minimum(levels, MOST_SHOWN)).mean(axis=0)))
    frames = [(float(lr), lay(lambda loss, i=i: float(loss[i]))) for i, lr in enumerate(own[0].table.lrs)]  # type: ignore[misc]
    figure = HeatFigure(
        id=f"{activation}-depths",
        title=Message("gradients.depths.title", {"activation": shown(activation)}),
        caption=Message("gradients.depths.caption"),
        summary=Message("gradients.depths.summary", {"inits": len(rows), "depths": len(columns)}),
        x=HeatAxis(Message("gradients.axis.depth"), tuple(str(depth) for depth in columns)),
        y=HeatAxis(Message("gradients.axis.init"), tuple(rows)),
        value_label=Message(f"page.axis.{METRIC}"),
        values=best,
        log_colour=spans_decades([best.ravel()]),
        limits=(float(best.min()), MOST_SHOWN),
        cell_format=".2g",
    )
    played = replace(
        figure,
        id=f"{activation}-depths-by-lr",
        title=Message("gradients.depths.by_lr", {"activation": shown(activation)}),
        values=frames[telling][1],
        frames=tuple(HeatFrame(lr, values) for lr, values in frames),
    )
    return figure, played


def trainability_map(sweeps: Sequence[DeepSweep]) -> HeatFigure:
    """Final loss over η and σ_w."""
    values = np.array([means(sweep.table.result(METRIC)) for sweep in sweeps])
    scales = np.array([float(sweep.init) for sweep in sweeps])
    diverged = np.array([sweep.table.diverged.all(axis=1) for sweep in sweeps])
    shown = np.where(diverged, np.nan, values)
    return HeatFigure(
        id="map",
        title=Message("gradients.map.title", {"layers": sweeps[0].depth}),
        caption=Message("gradients.map.caption", {"he": float(np.sqrt(2))}),
        summary=Message("gradients.map.summary", {"scales": len(scales), "lrs": len(sweeps[0].table.lrs)}),
        x=HeatAxis(Message("page.axis.lr"), sweeps[0].table.lrs, log=True),
        y=HeatAxis(Message("gradients.axis.scale"), scales, log=True),
        value_label=Message(f"page.axis.{METRIC}"),
        values=shown,
        marks=tuple((r, int(np.nanargmin(row))) for r, row in enumerate(shown) if np.isfinite(row).any()),
        log_colour=True,
        limits=(float(np.nanmin(shown)) if np.isfinite(shown).any() else 0.1, MOST_SHOWN),
        cell_format=".2g",
    )


def through_time(sweeps: Sequence[Sweep]) -> LineFigure:
    """‖∂L/∂h_t‖ over t at initialization."""
    lines = []
    for name, (_, table) in recurrent(sweeps).items():
        times, norms = profile(table, "hidden_gradient/rnn")
        x = np.array([float(t) + 1 for t in times])
        lines.append(Line(name, x, _geometric(norms), norms.min(axis=1), norms.max(axis=1)))
    return LineFigure(
        id="through-time",
        title=Message("gradients.time.title"),
        caption=Message("gradients.time.caption"),
        summary=Message("gradients.time.summary", {"lines": len(lines)}),
        x_label=Message("gradients.axis.time"),
        y_label=Message("gradients.axis.hidden"),
        lines=tuple(lines),
        log_y=True,
    )
