"""Heat maps and surfaces: what the script draws, and the tables behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude.core.message import Message
from etude.report.figures import Array, HeatAxis, HeatFigure, HeatFrame, SurfaceFigure, SurfacePanel, Text, Trajectory
from etude.report.numbers import number
from etude.report.packing import EXCERPT, packed, packed_all, spread
from etude.report.words import Both, both, word

MAX_COLUMNS = 200
"""Columns kept of a long heat map: the cells of more are narrower than a pixel on a phone."""

MAX_PLACES = 600
"""Points kept of one trajectory."""


def heat_data(figure: HeatFigure) -> dict[str, Any]:
    """A ``HeatFigure`` for the script; colours are limited to all frames alike, so that they can be compared."""
    kept = spread(len(figure.x.values), MAX_COLUMNS)
    frames = figure.frames or (HeatFrame(1.0, figure.values, figure.marks),)
    place = {int(column): i for i, column in enumerate(kept)}
    return {
        "id": figure.id,
        "kind": "heat",
        "x": _axis(figure.x, list(kept)),
        "y": _axis(figure.y, list(range(len(figure.y.values)))),
        "valueLabel": both(figure.value_label),
        "limits": colour_limits(figure),
        "log": figure.log_colour,
        "frames": [
            {
                "lr": packed(frame.lr),
                "values": packed_all(frame.values[:, kept]),
                "marks": [(row, place[column]) for row, column in frame.marks if column in place],
                "texts": None if figure.cell_format is None else _texts(frame.values[:, kept], figure.cell_format),
            }
            for frame in frames
        ],
        "start": next((i for i, f in enumerate(frames) if np.array_equal(f.values, figure.values, equal_nan=True)), 0),
        "playable": bool(figure.frames),
        "missing": both(figure.missing),
    }


def colour_limits(figure: HeatFigure) -> tuple[float, float]:
    """Ends of the colour scale: as asked for, else smallest and largest number of all frames that has a colour."""
    if figure.limits is not None:
        return figure.limits
    every = np.concatenate([v.ravel() for v in (figure.values, *(frame.values for frame in figure.frames))])
    usable = every[np.isfinite(every) & ((every > 0) | (not figure.log_colour))]
    return (float(f"{usable.min():.6g}"), float(f"{usable.max():.6g}")) if len(usable) else (1.0, 10.0)


def has_missing(figure: HeatFigure) -> bool:
    """Whether any cell has no number."""
    return any(not np.isfinite(v).all() for v in (figure.values, *(frame.values for frame in figure.frames)))


def heat_table(figure: HeatFigure) -> tuple[list[Both], list[list[Both]]]:
    """Cells of a ``HeatFigure``: its rows from top to bottom, at most nine of its columns and of its frames."""
    columns = spread(len(figure.x.values), EXCERPT)
    headings = [both(figure.y.label)] + [both(_tick(figure.x, int(c))) for c in columns]
    rows = range(len(figure.y.values))
    if not figure.frames:
        return headings, [_cells(figure, figure.values, row, list(columns)) for row in rows]
    frames = [figure.frames[i] for i in spread(len(figure.frames), EXCERPT)]
    return [both(word("column.lr")), *headings], [
        [both(number(frame.lr, ".4g")), *_cells(figure, frame.values, row, list(columns))]
        for frame in frames
        for row in rows
    ]


def heat_notes(figure: HeatFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    columns = len(figure.x.values)
    return [word("columns_thinned", kept=MAX_COLUMNS, columns=columns)] if columns > MAX_COLUMNS else []


def surface_data(figure: SurfaceFigure) -> dict[str, Any]:
    """A ``SurfaceFigure`` for the script."""
    return {
        "id": figure.id,
        "kind": "surface",
        "xLabel": both(figure.x_label),
        "yLabel": both(figure.y_label),
        "valueLabel": both(figure.value_label),
        "x": packed_all(figure.x),
        "y": packed_all(figure.y),
        "values": packed_all(figure.values),
        "log": figure.log_levels,
        "minimum": figure.minimum,
        "start": len({t.lr for panel in figure.panels for t in panel.trajectories}) // 2,
        "panels": [_panel(panel, figure) for panel in figure.panels],
    }


def surface_table(figure: SurfaceFigure) -> tuple[list[Both], list[list[Both]]]:
    """Where each trajectory started and ended, and after how many steps."""
    headings = [both(word(f"column.{name}")) for name in ("method", "lr", "steps", "start", "end")]
    return headings, [
        [both(panel.name), both(number(t.lr, ".4g")), both(str(_steps(t))), *(both(_place(t, i)) for i in (0, -1))]
        for panel in figure.panels
        for t in panel.trajectories
    ]


def _axis(axis: HeatAxis, kept: list[int]) -> dict[str, Any]:
    numbers = isinstance(axis.values, np.ndarray)
    return {
        "label": both(axis.label),
        "log": axis.log,
        "numbers": packed_all(np.asarray(axis.values)[kept]) if numbers else None,
        "names": None if numbers else [both(_tick(axis, i)) for i in kept],
    }


def _tick(axis: HeatAxis, index: int) -> Text:
    value = axis.values[index]
    return number(float(value), ".4g") if isinstance(value, float | np.floating) else value


def _texts(values: Array, spec: str) -> list[list[str]]:
    return [[number(float(v), spec) if np.isfinite(v) else "" for v in row] for row in values]


def _cells(figure: HeatFigure, values: Array, row: int, columns: list[int]) -> list[Both]:
    cells = [float(values[row, column]) for column in columns]
    said = [both(number(v, ".4g")) if np.isfinite(v) else both(figure.missing) for v in cells]
    return [both(_tick(figure.y, row)), *said]


def _panel(panel: SurfacePanel, figure: SurfaceFigure) -> dict[str, Any]:
    return {"name": both(panel.name), "trajectories": [_trajectory(t, figure) for t in panel.trajectories]}


def _trajectory(trajectory: Trajectory, figure: SurfaceFigure) -> dict[str, Any]:
    """Every n-th point, up to the last finite one; points far beyond the grid are drawn as far as a screen can."""
    stride = max(-(-len(trajectory.points) // MAX_PLACES), 1)
    points = _finite(trajectory)[::stride]
    spans = [float(np.ptp(axis)) for axis in (figure.x, figure.y)]
    middles = [float(np.mean(axis)) for axis in (figure.x, figure.y)]
    x, y = (
        np.clip(points[:, i], middle - 50 * span, middle + 50 * span)
        for i, (middle, span) in enumerate(zip(middles, spans, strict=True))
    )
    return {
        "lr": packed(trajectory.lr),
        "x": packed_all(x),
        "y": packed_all(y),
        "every": trajectory.every * stride,
        "diverged": len(_finite(trajectory)) < len(trajectory.points),
    }


def _finite(trajectory: Trajectory) -> Array:
    lost = ~np.isfinite(trajectory.points).all(axis=1)
    return trajectory.points[: int(lost.argmax())] if lost.any() else trajectory.points


def _steps(trajectory: Trajectory) -> int:
    return max(len(_finite(trajectory)) - 1, 0) * trajectory.every


def _place(trajectory: Trajectory, index: int) -> str:
    points = _finite(trajectory)
    return f"({number(float(points[index, 0]))}, {number(float(points[index, 1]))})" if len(points) else "–"
