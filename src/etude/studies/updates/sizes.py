"""The distributions that the étude ``updates`` draws, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from etude.analysis.table import SweepTable
from etude.analysis.updates.ratios import layers_of
from etude.core.message import Message
from etude.core.trace import Array
from etude.report.figures import BandFigure, BandPanel, Mark
from etude.studies.updates.arms import SHOWN_LR, Look

LEVELS = ("q05", "q25", "q50", "q75", "q95")

DEPTH_SHOWN = 1e-6
"""How far below the largest median distributions are drawn, as a share of it."""


def sizes_figure(own: Look, kind: str) -> BandFigure:
    """Distribution of |w|, |g| or |Δw| over training: layer by layer, at the learning rates that are shown.

    Args:
        own: The sweep.
        kind: ``"weight"``, ``"gradient"`` or ``"update"``.
    """
    panels: list[tuple[Message | str, tuple[Array, Array]]] = [
        (Message("updates.panel", {"layer": layer, "lr": lr}), found)
        for layer in layers_of(own.table)
        for row, lr in zip(own.rows, own.lrs, strict=True)
        if (found := _quantiles(own.table, row, f"{kind}_size/{layer}")) is not None
    ]
    drawn, floor = _panels(panels)
    return BandFigure(
        id=f"{kind}-sizes",
        title=Message(f"updates.sizes.{kind}"),
        caption=Message("updates.sizes.caption"),
        summary=Message("updates.sizes.summary", {"panels": len(panels)}),
        y_label=Message(f"updates.axis.{kind}"),
        panels=drawn,
        y_limits=(floor, _top(drawn)),
        columns=len(own.rows),
    )


def rules_figure(tables: dict[str, SweepTable]) -> BandFigure:
    """Distribution of |Δw| over training of every rule at the same learning rate."""
    panels: list[tuple[Message | str, tuple[Array, Array]]] = []
    for name, table in tables.items():
        row = int(np.argmin(np.abs(np.log(table.lrs / SHOWN_LR))))
        found = _quantiles(table, row, "update_size")
        if found is not None:
            panels.append((name, found))
    drawn, floor = _panels(panels)
    return BandFigure(
        id="rules",
        title=Message("updates.rules.title", {"lr": SHOWN_LR}),
        caption=Message("updates.rules.caption"),
        summary=Message("updates.rules.summary", {"panels": len(panels)}),
        y_label=Message("updates.axis.update"),
        panels=drawn,
        y_limits=(floor, _top(drawn)),
        horizontals=(Mark(SHOWN_LR, "η"),),
    )


def _quantiles(table: SweepTable, row: int, column: str) -> tuple[Array, Array] | None:
    """Steps and quantiles (T, 5) of the first seed's run; ``None`` where there are none."""
    trace = table.cells[row][0]
    if trace is None or f"{column}/{LEVELS[0]}" not in trace.evaluations:
        return None
    columns = np.array([trace.evaluations[f"{column}/{level}"] for level in LEVELS]).T
    known = np.isfinite(columns).all(axis=1)
    return (trace.evaluations["step"][known], columns[known]) if known.any() else None


def _panels(found: Sequence[tuple[Message | str, tuple[Array, Array]]]) -> tuple[tuple[BandPanel, ...], float]:
    """Panels whose numbers end at a floor, since no logarithmic axis shows the zeros of units that died; and that floor."""
    top = max((float(quantiles[:, 2].max()) for _, (_, quantiles) in found), default=1.0)
    least = min((float(quantiles.min()) for _, (_, quantiles) in found), default=0.0)
    floor = max(DEPTH_SHOWN * (top if top > 0 else 1.0), least / 2)
    return tuple(BandPanel(name, steps, np.maximum(quantiles, floor)) for name, (steps, quantiles) in found), floor


def _top(panels: Sequence[BandPanel]) -> float:
    return 2 * max((float(panel.quantiles.max()) for panel in panels), default=1.0)
