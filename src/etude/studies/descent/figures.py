"""The figures of the étude: theory dashed, measurements as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from etude.analysis.descent.cases import Case
from etude.analysis.descent.fastest import heavy_ball_steps, steps_to
from etude.analysis.descent.floors import NoiseCase
from etude.core.message import Message, Value
from etude.core.trace import Array, Trace
from etude.report.figures import Line, LineFigure, Mark, SurfaceFigure, SurfacePanel, Trajectory
from etude.studies.arms import Sweep
from etude.studies.descent.problems import BOWL_EIGENVALUES, DIRECTIONS

CURVE = 300
"""Points of a line of theory."""

SURFACE = 80
"""Grid points along each axis of the surface; an even number, so that none is the minimum, whose logarithm is −∞."""

W1, W2 = 2.0, 1.0
"""Half the width and half the height of the surface's frame."""


def rates_figure(cases: Sequence[Case]) -> LineFigure:
    """ρ against η·λmax for every method on one problem."""
    top = cases[0].problem.top
    lines: list[Line] = []
    for case in cases:
        lrs = np.linspace(case.lrs[0], case.lrs[-1], CURVE)
        # The corners of the curve, its fastest point among them, would be cut off between two points of the grid.
        lrs = np.unique(np.append(lrs, [case.best.lr] if case.tuned else []))
        name = method_label(case.name, case.momentum)
        lines.append(Line(name, *_spread(case.lrs * top, case.rates), style="points"))
        theory = method_label(case.name, case.momentum, "theory_of")
        lines.append(Line(theory, lrs * top, case.theory(lrs), style="dashed", like=len(lines) - 1))
    return LineFigure(
        id="rates",
        title=Message("descent.rates.title"),
        caption=Message("descent.rates.caption", {"condition": cases[0].problem.condition}),
        summary=Message("descent.rates.summary", {"methods": len(cases)}),
        x_label=Message("descent.axis.scaled_lr"),
        y_label=Message("descent.axis.rate"),
        lines=tuple(lines),
        y_limits=(0.8, 1.06),
        verticals=(Mark(2.0, Message("descent.mark.edge")),),
        horizontals=(Mark(1.0, Message("descent.mark.still")),),
    )


def surface_figure(panels: Sequence[Sweep]) -> SurfaceFigure:
    """Trajectories on the two-dimensional quadratic, as the lanes of the first seed made them."""
    x, y = np.linspace(-W1, W1, SURFACE), np.linspace(-W2, W2, SURFACE)
    flat, steep = BOWL_EIGENVALUES
    drawn = []
    for sweep in panels:
        rows = zip(sweep.table.lrs, sweep.table.cells, strict=True)
        ways = tuple(Trajectory(float(lr), _points(cells[0])) for lr, cells in rows if cells[0] is not None)
        beta = getattr(sweep.arm.base.rule, "momentum", 0.0)
        drawn.append(SurfacePanel(method_label(sweep.arm.name, beta), ways))
    return SurfaceFigure(
        id="surface",
        title=Message("descent.surface.title"),
        caption=Message("descent.surface.caption", {"flat": flat, "steep": steep}),
        summary=Message("descent.surface.summary", {"rates": len(panels[0].table.lrs)}),
        x_label="w₁",
        y_label="w₂",
        value_label=Message("page.axis.loss"),
        x=x,
        y=y,
        values=0.5 * (flat * x[None, :] ** 2 + steep * y[:, None] ** 2),
        panels=tuple(drawn),
        minimum=(0.0, 0.0),
    )


def gain_figure(slow: Sequence[Case], fast: Sequence[Case], share: float) -> LineFigure:
    """Steps to a share of the initial loss against κ, without and with momentum."""
    conditions = np.array([case.problem.condition for case in slow])
    of_each = share * DIRECTIONS / 2
    lines: list[Line] = []
    for name, own in (("gradient_descent", slow), ("heavy_ball_best", fast)):
        steps = np.array([case.steps(share)[case.nearest(case.best.lr)] for case in own])
        lines.append(Line(Message(f"descent.gain.{name}"), *_spread(conditions, steps), style="points"))
        theory = [
            steps_to(of_each, c.best.rate) if own is slow else heavy_ball_steps(share, c.best.rate, 1 / DIRECTIONS)
            for c in own
        ]
        lines.append(
            Line(
                Message(f"descent.gain.{name}_theory"),
                conditions,
                np.array(theory),
                None,
                None,
                "dashed",
                len(lines) - 1,
            )
        )
    rates_alone = np.array([steps_to(of_each, c.best.rate) for c in fast])
    lines.append(Line(Message("descent.gain.rates_alone"), conditions, rates_alone, style="line"))
    return LineFigure(
        id="gain",
        title=Message("descent.gain.title"),
        caption=Message("descent.gain.caption", {"share": share}),
        summary=Message("descent.gain.summary"),
        x_label=Message("descent.axis.condition"),
        y_label=Message("descent.axis.steps"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
    )


def floor_figure(cases: Sequence[NoiseCase]) -> LineFigure:
    """Noise floors against η."""
    lines: list[Line] = []
    for case in cases:
        kind = "heavy_ball" if case.momentum else "plain"
        beta: dict[str, Value] = {"beta": case.momentum} if case.momentum else {}
        measured = Message(f"descent.floor.{kind}", beta)
        lines.append(Line(measured, *_spread(case.lrs, case.floors), style="points"))
        lrs = np.geomspace(case.lrs[0], min(case.lrs[-1] * 1.2, 0.97 * case.edge), CURVE)
        theory = Message(f"descent.floor.{kind}_theory", beta)
        lines.append(Line(theory, lrs, case.theory(lrs), style="dashed", like=len(lines) - 1))
    return LineFigure(
        id="floor",
        title=Message("descent.floor.title"),
        caption=Message("descent.floor.caption", {"seeds": cases[0].floors.shape[1]}),
        summary=Message("descent.floor.summary"),
        x_label=Message("page.axis.lr"),
        y_label=Message("descent.axis.gap"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
        verticals=(Mark(cases[0].edge, Message("descent.mark.edge")),),
    )


def real_figure(cases: Sequence[Case], name: str, limits: tuple[float, float]) -> LineFigure:
    """ρ of gradient descent against η in units of the edge, for problems whose Hessian is known at the minimum."""
    lines: list[Line] = []
    for case in cases:
        lrs = np.unique(np.append(np.linspace(case.lrs[0], case.lrs[-1], CURVE), case.best.lr))
        problem = case.problem.name.replace("-", "_")
        lines.append(Line(Message(f"descent.on.{problem}"), *_spread(case.lrs / case.edge, case.rates), style="points"))
        theory = Message(f"descent.on.{problem}_theory")
        lines.append(Line(theory, lrs / case.edge, case.theory(lrs), style="dashed", like=len(lines) - 1))
    curved = [case for case in cases if not case.problem.quadratic]
    bounds = [
        Mark(2 / c.problem.bound / c.edge, Message("descent.bound." + c.problem.name.replace("-", "_"))) for c in curved
    ]
    return LineFigure(
        id=f"rates-{name}",
        title=Message(f"descent.real.{name}"),
        caption=Message("descent.real.caption"),
        summary=Message("descent.real.summary"),
        x_label=Message("descent.axis.share"),
        y_label=Message("descent.axis.rate"),
        lines=tuple(lines),
        y_limits=limits,
        verticals=(*bounds, Mark(1.0, Message("descent.mark.local_edge"))),
        horizontals=(Mark(1.0, Message("descent.mark.still")),),
    )


def by_name(sweeps: Sequence[Sweep]) -> Mapping[str, Sweep]:
    """The sweeps by the names of their arms."""
    return {sweep.arm.name: sweep for sweep in sweeps}


def method_label(arm: str, momentum: float, key: str = "method") -> Message:
    """What the reader calls the method of an arm, with its momentum if it has one."""
    return Message(f"descent.{key}.{arm.partition('/')[2]}", {"beta": momentum} if momentum else {})


def _points(trace: Trace | None) -> Array:
    assert trace is not None, "asked before"
    return np.stack([trace.per_step["weight/0"], trace.per_step["weight/1"]], axis=1)


def _spread(x: Array, values: Array) -> tuple[Array, Array, Array, Array]:
    """Means over the seeds (L, S) that have a value, and their range; where none has one, nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.where(count > 0, np.where(known, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
    low = np.where(count > 0, np.where(known, values, np.inf).min(axis=1), np.nan)
    high = np.where(count > 0, np.where(known, values, -np.inf).max(axis=1), np.nan)
    return x, mean, low, high
