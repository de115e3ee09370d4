"""A synthetic page with every figure that compares arms: twenty of them, long names, both languages, diverged runs."""

from __future__ import annotations

import numpy as np
import pytest

from etude.core.message import Message
from etude.report.figures import (
    Arm,
    BandFigure,
    BandPanel,
    HeatAxis,
    HeatFigure,
    HeatFrame,
    Line,
    LineFigure,
    Mark,
    RaceFigure,
    SurfaceFigure,
    SurfacePanel,
    Trajectory,
)
from etude.report.page import LrFigure, Page, Section, Series

NAN = float("nan")
STEPS = Message("page.axis.step")
LOSS = Message("page.axis.validation_loss")
LR = Message("page.axis.lr")


def said(key: str) -> Message:
    return Message(f"test.{key}")


def head(name: str) -> dict[str, object]:
    return {
        "id": name,
        "title": said("final.title"),
        "caption": said("final.caption"),
        "summary": said("final.summary"),
    }


def names(count: int) -> list[str]:
    kinds = ["cosine", "WSD, 1 − sqrt cooldown over the last 20 %", "linear to zero", "平方根倒数衰减"]
    return [f"{kinds[i % 4]} {i}" for i in range(count)]


def race() -> RaceFigure:
    rng = np.random.default_rng(4)
    arms = []
    for i, name in enumerate(names(20)):
        points = (0.03 + 0.002 * i) * np.exp(0.05 * rng.standard_normal(5))
        mean = float(points.mean())
        arms.append(Arm(name, mean, mean - 0.001, mean + 0.001, points, "η = 0.03", won=i < 3))
    arms.append(Arm("diverging", NAN))
    return RaceFigure(**head("race"), x_label=LOSS, arms=tuple(arms), groups=((0, 1, 2), (1, 2, 3, 4), (9, 10)))


def arms_against_lr() -> LrFigure:
    lrs = np.geomspace(1e-3, 1.0, 21)
    series = []
    for i, name in enumerate(names(20)):
        valley = 0.05 + 0.01 * i + 0.3 * np.log10(lrs / 0.05) ** 2
        valley[(np.arange(21) + i) % 2 == 0] = NAN
        series.append(Series(name, valley, valley[:, None] * [0.9, 1.1], valley * 0.9, valley * 1.1))
    return LrFigure(**head("arms"), y_label=LOSS, lrs=lrs, series=tuple(series), marks=(Mark(0.5, "2/λmax"),))


def frames() -> tuple[HeatFrame, ...]:
    made = []
    for lr in (0.01, 0.1, 1.0):
        values = lr * np.outer(2.0 ** -np.arange(4), np.linspace(2.0, 1.0, 301))
        values[:, 100:] *= NAN if lr == 1.0 else 1.0
        made.append(HeatFrame(lr, values))
    return tuple(made)


def heats() -> tuple[HeatFigure, HeatFigure]:
    peaks = np.geomspace(0.01, 1.0, 5)
    values = np.abs(np.log10(peaks[None] / np.array([[0.03], [0.1], [0.3]]))) + 0.05
    values[0, 3:] = NAN
    warmup = HeatFigure(
        **head("warmup"),
        x=HeatAxis(LR, peaks, log=True),
        y=HeatAxis(STEPS, ("0", "20", "80")),
        value_label=LOSS,
        values=values,
        marks=((0, 1), (1, 2)),
        log_colour=True,
        cell_format=".2f",
    )
    layers = HeatFigure(
        **head("layers"),
        x=HeatAxis(STEPS, np.arange(301.0)),
        y=HeatAxis(said("curves.caption"), tuple(f"layers.{i}.weight" for i in range(4))),
        value_label=LOSS,
        values=frames()[1].values,
        frames=frames(),
        log_colour=True,
    )
    return warmup, layers


def lines() -> LineFigure:
    t = np.arange(1000.0)
    schedules = [Line(name, t, np.exp(-t / (100 + 50 * i))) for i, name in enumerate(names(20))]
    measured = Line("measured", t[::100], np.exp(-t[::100] / 300), np.zeros(10), np.ones(10), style="points")
    theory = Line("theory", t, np.exp(-t / 300), style="dashed", like=20)
    every = (*schedules, measured, theory)
    marks = {"verticals": (Mark(800.0, "cooldown"),), "horizontals": (Mark(0.1, said("table.title")),)}
    return LineFigure(**head("lines"), x_label=STEPS, y_label=said("title"), lines=every, **marks)


def descend(lr: float, momentum: float) -> Trajectory:
    w, velocity = np.array([-1.8, 1.2]), np.zeros(2)
    points = [w]
    for _ in range(60):
        velocity = momentum * velocity - lr * np.array([1.0, 12.0]) * w
        w = w + velocity
        points.append(w if np.abs(w).max() < 1e3 else np.full(2, NAN))
        if np.isnan(points[-1]).any():
            break
    return Trajectory(lr, np.array(points))


def surface() -> SurfaceFigure:
    x, y = np.linspace(-2, 2, 21), np.linspace(-1.5, 1.5, 17)
    panels = tuple(
        SurfacePanel(name, tuple(descend(lr, momentum) for lr in (0.01, 0.1, 0.5)))
        for name, momentum in (("gradient descent", 0.0), (said("section.0"), 0.9))
    )
    values = (x[None] ** 2 + 12 * y[:, None] ** 2) / 2
    return SurfaceFigure(**head("surface"), x_label="w₁", y_label="w₂", value_label=LOSS, x=x, y=y, values=values,
                         panels=panels, minimum=(0.0, 0.0))  # fmt: skip


def bands() -> BandFigure:
    t = np.arange(0.0, 1000.0, 2.0)
    ratios = np.array([0.1, 0.5, 1.0, 2.0, 10.0])
    panels = tuple(
        BandPanel(name, t, np.exp(-t / (200 + 100 * i))[:, None] * ratios) for i, name in enumerate(names(8))
    )
    return BandFigure(**head("bands"), y_label=said("title"), panels=panels, horizontals=(Mark(1.0, "nominal η"),))


@pytest.fixture(scope="session")
def arms(convergence: Page) -> Page:
    """The page; it has no learning rate to pick."""
    figures = (race(), arms_against_lr(), *heats(), lines(), surface(), bands())
    sections = tuple(Section(Message("test.verbatim", {"text": figure.id}), (), (figure,)) for figure in figures)
    return Page(
        study="decay", title=said("title"), answer=(said("answer.0"),), findings=convergence.findings, sections=sections,
        rests_on=(), would_change=(), command="etude run decay",
    )  # fmt: skip


@pytest.fixture
def of(arms: Page):
    """The page's figure with this id."""
    return {figure.id: figure for figure in arms.figures}.__getitem__
