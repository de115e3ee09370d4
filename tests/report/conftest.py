"""Synthetic pages that look like those of real studies, and a browser to open them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.report import catalogue as catalogue_module
from etude.report.page import (
    AtLr,
    Column,
    Curve,
    CurveFigure,
    Divergence,
    Estimate,
    Fact,
    LrFigure,
    Page,
    Section,
    Series,
    Table,
)

TEXTS = {
    "title": ("What does the learning rate do to convergence?", "学习率如何影响收敛？"),
    "subtitle": (
        "Digits · two-layer network 64–128–10 · SGD with momentum 0.9 · 24 learning rates × 5 seeds · 400 steps",
        "Digits 数据集 · 两层全连接网络 64–128–10 · 动量 0.9 的 SGD · 24 个学习率 × 5 个随机种子 · 400 步",
    ),
    "answer.0": (
        "The learning rate that trains best is η = 0.13 [0.09, 0.18]; use η = 0.079.",
        "训练效果最好的学习率为 η = 0.13 [0.09, 0.18]；建议取 η = 0.079。",
    ),
    "answer.1": (
        "Every rate from 0.05 to 0.25 is as good within 5 %, and beyond 0.61–0.66 most runs diverge.",
        "0.05 到 0.25 之间的学习率与最优相差不超过 5%；超过 0.61–0.66 后，多数运行会发散。",
    ),
    "note": (
        "The grid was extended upwards by four learning rates, because no run had diverged at its upper end.",
        "由于网格上端没有运行发散，网格向上扩展了四个学习率。",
    ),
    "best.question": ("Which learning rate trains best?", "哪个学习率的训练效果最好？"),
    "best.statement": (
        "A parabola through the mean losses in log η has its minimum at {lr:.3g}; the interval is from 1000 paired "
        "bootstrap samples of the seeds.",
        "在 log η 上对平均损失拟合抛物线，其最小值位于 {lr:.3g};区间由随机种子的 1000 次配对自助抽样得到。",
    ),
    "edge.question": ("Where does training begin to diverge?", "训练从哪里开始发散？"),
    "edge.statement": (
        "Half of the runs diverge between 0.61 and 0.66.",
        "学习率在 0.61 与 0.66 之间时，一半的运行发散。",
    ),
    "sharp.question": (
        "Does a larger learning rate end in a flatter place?",
        "更大的学习率是否会停在更平坦的位置？",
    ),
    "sharp.statement": (
        "Five seeds are too few to tell the two apart: twenty would decide.",
        "五个随机种子不足以区分两者：需要约二十个。",
    ),
    "section.0": ("Where training ends", "训练的终点"),
    "section.1": ("How it gets there", "收敛过程"),
    "section.2": ("Held-out data", "留出数据"),
    "prose": (
        "Below the basin, training has not come far after 400 steps; above it, the loss is noisy, then diverges. The "
        "basin leans to the left: being a factor of two too small costs less than being a factor of two too large.",
        "学习率低于最优区间时，400 步后训练进展有限；高于该区间时，损失先变得嘈杂，随后发散。最优区间偏向左侧："
        "学习率减半的代价低于加倍的代价。",
    ),
    "final.title": ("Final training loss against the learning rate", "最终训练损失随学习率的变化"),
    "final.caption": (
        "Mean over five seeds with its 95 % interval, and every run as a dot. The strip below shows how many runs "
        "diverged, with Wilson's interval.",
        "五个随机种子的均值及其 95% 区间，每个点为一次运行。下方条带为发散的运行所占比例及 Wilson 区间。",
    ),
    "final.summary": (
        "The loss falls from 2.2 at η = 0.0001 to 0.05 at 0.13, then rises steeply; runs diverge beyond 0.6.",
        "损失从 η = 0.0001 处的 2.2 降到 0.13 处的 0.05,随后急剧上升；超过 0.6 后运行发散。",
    ),
    "curves.title": ("Convergence at each learning rate", "各学习率下的收敛曲线"),
    "curves.caption": ("Training loss on a fixed sample.", "在固定样本上的训练损失。"),
    "curves.summary": (
        "Curves of small η fall slowly; those near 0.1 fall fastest and lowest.",
        "小 η 的曲线下降缓慢;0.1 附近的曲线下降最快、最低。",
    ),
    "held.title": ("Training and validation loss", "训练损失与验证损失"),
    "sharp.title": ("Sharpness of the point reached", "所到达点的锐度"),
    "table.title": ("All learning rates", "全部学习率"),
    "table.caption": ("Means over seeds that did not diverge.", "未发散种子的均值。"),
    "rests.0": ("Five seeds at each of 24 learning rates.", "24 个学习率，每个 5 个随机种子。"),
    "rests.1": (
        "A run counts as diverged when its loss stays above four times the initial loss for 20 steps.",
        "若损失连续 20 步高于初始损失的四倍，则视为发散。",
    ),
    "change.0": (
        "A longer horizon: the best learning rate falls with it.",
        "更长的训练步数：最优学习率会随之下降。",
    ),
    "change.1": ("Another batch size.", "不同的批大小。"),
    "verbatim": ("{text}", "{text}"),
}


@pytest.fixture(autouse=True, scope="session")
def sentences() -> Iterator[None]:
    """Put the sentences of the synthetic study into the catalogue."""
    known = dict(catalogue_module.catalogue())
    known |= {f"test.{key}": {"en": en, "zh": zh} for key, (en, zh) in TEXTS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue_module, "catalogue", lambda: known)
        yield


def said(key: str, **values: str | float) -> Message:
    return Message(f"test.{key}", dict(values))


def word(key: str, **values: str | float) -> Message:
    return Message(f"page.{key}", dict(values))


LRS = np.geomspace(1e-4, 1.0, 24)
SEEDS = 5
BEST = 0.13


def losses(rng: np.random.Generator, floor: float = 0.05) -> np.ndarray:
    """Final losses (L, S): a valley in log η, noisier to the right, NaN where diverged."""
    x = np.log10(LRS / BEST)[:, None]
    valley = floor + 0.30 * np.maximum(-x, 0) ** 1.7 + 1.6 * np.maximum(x, 0) ** 1.5
    noisy = valley * np.exp((0.04 + 0.15 * np.maximum(x, 0)) * rng.standard_normal((len(LRS), SEEDS)))
    noisy[LRS > 0.63] = np.nan
    noisy[(LRS > 0.4) & (LRS <= 0.63), :2] = np.nan
    return noisy


def series(name: Message, points: np.ndarray) -> Series:
    alive = np.isfinite(points).any(axis=1)
    mean, half = np.full(len(points), np.nan), np.full(len(points), np.nan)
    mean[alive] = np.nanmean(points[alive], axis=1)
    half[alive] = 2.776 * np.nanstd(points[alive], axis=1) / np.sqrt(SEEDS)
    return Series(name, mean, points, np.maximum(mean - half, mean / 4), mean + half)


def wilson(count: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    p = count / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def divergence(points: np.ndarray) -> Divergence:
    lrs = np.sort(np.append(LRS, [0.56, 0.61, 0.64]))
    count = np.where(lrs > 0.63, 5.0, np.where(lrs > 0.4, 2.0, 0.0))
    runs = np.full(len(lrs), 5.0)
    return Divergence(lrs, count, runs, *wilson(count, runs))


def curves(final: np.ndarray, steps: int = 400, every: int = 2) -> tuple[Curve, ...]:
    t = np.arange(0.0, steps + 1, every)
    rng = np.random.default_rng(3)
    made = []
    for lr, end in zip(LRS, np.nanmean(np.where(np.isfinite(final), final, 9.0), axis=1), strict=True):
        speed = 1 + 3 * lr / BEST
        mean = end + (2.3 - min(end, 2.2)) * np.exp(-speed * t / 120)
        mean = mean * np.exp((0.01 + 0.05 * min(lr, 1)) * rng.standard_normal(len(t)))
        if lr > 0.63:
            mean = np.where(t > 60, np.nan, 2.3 * np.exp(t / 25))
        made.append(Curve(float(lr), t, mean, mean * 0.9, mean * 1.1))
    return tuple(made)


def at(points: np.ndarray) -> tuple[AtLr, ...]:
    rows = []
    for lr, values in zip(LRS, points, strict=True):
        alive = values[np.isfinite(values)]
        loss: Message = word("value.none")
        if len(alive):
            m = float(alive.mean())
            loss = word("value.interval", value=m, low=m * 0.9, high=m * 1.1)
        rows.append(
            AtLr(
                float(lr),
                (
                    Fact(word("axis.train_loss"), loss),
                    Fact(word("fact.divergence"), word("value.of", count=SEEDS - len(alive), total=SEEDS)),
                    Fact(
                        word("fact.steps_to_target"),
                        f"{100 + 10 * len(alive)}" if lr > 0.01 else word("value.not_reached"),
                    ),
                ),
            )
        )
    return tuple(rows)


def figure_of_losses(points: np.ndarray) -> LrFigure:
    return LrFigure(
        id="final-loss",
        title=said("final.title"),
        caption=said("final.caption"),
        summary=said("final.summary"),
        y_label=word("axis.train_loss"),
        lrs=LRS,
        series=(series(word("series.train"), points),),
        log_y=True,
        best=Estimate(BEST, 0.09, 0.18),
        basin=(0.05, 0.25),
        edge=(0.61, 0.66),
        recommended=float(LRS[17]),
        divergence=divergence(points),
    )


def convergence_page() -> Page:
    points = losses(np.random.default_rng(1))
    table = Table(
        "all",
        said("table.title"),
        (
            Column(word("column.lr")),
            Column(word("axis.train_loss"), ".4g"),
            Column(word("fact.divergence")),
        ),
        tuple(
            (float(lr), float(np.nanmean(row)) if np.isfinite(row).any() else None, f"{np.isnan(row).sum()}/5")
            for lr, row in zip(LRS, points, strict=True)
        ),
        said("table.caption"),
        tuple(float(lr) for lr in LRS),
    )
    return Page(
        study="convergence",
        title=said("title"),
        subtitle=said("subtitle"),
        answer=(said("answer.0"), said("answer.1")),
        notes=(said("note"),),
        findings=(
            Finding(
                "best_lr", said("best.question"), Verdict.SUPPORTED, said("best.statement", lr=BEST), BEST, (0.09, 0.18)
            ),
            Finding("edge", said("edge.question"), Verdict.SUPPORTED, said("edge.statement"), 0.635, (0.61, 0.66)),
            Finding("sharpness", said("sharp.question"), Verdict.INCONCLUSIVE, said("sharp.statement")),
        ),
        sections=(
            Section(said("section.0"), (said("prose"),), (figure_of_losses(points),)),
            Section(
                said("section.1"),
                (),
                (
                    CurveFigure(
                        "curves",
                        said("curves.title"),
                        said("curves.caption"),
                        said("curves.summary"),
                        word("axis.train_loss"),
                        curves(points),
                        log_y=True,
                        y_limits=(0.03, 12.0),
                        target=0.3,
                    ),
                ),
                (table,),
            ),
        ),
        rests_on=(said("rests.0"), said("rests.1")),
        would_change=(said("change.0"), said("change.1")),
        command="etude run convergence --data digits --lr 1e-4:1:24 --seeds 5 --steps 400",
        at=at(points),
        picked=float(LRS[17]),
        provenance=(Fact("etude", "0.1.0"), Fact("torch", "2.13.0"), Fact("study", "4f2a99c01b7e6d35")),
    )


def generalization_page() -> Page:
    rng = np.random.default_rng(2)
    train, validation = losses(rng), losses(rng, 0.16)
    sharpness = (
        2 / LRS[:, None] * np.exp(0.2 * rng.standard_normal((len(LRS), SEEDS))) * np.minimum(1, LRS / 0.02)[:, None]
    )
    sharpness[LRS > 0.63] = np.nan
    held = replace(
        figure_of_losses(train),
        id="held-out",
        title=said("held.title"),
        y_label=word("axis.loss"),
        series=(series(word("series.train"), train), series(word("series.validation"), validation)),
    )
    sharp = LrFigure(
        "sharpness",
        said("sharp.title"),
        said("final.caption"),
        said("final.summary"),
        word("axis.sharpness"),
        LRS,
        (series(word("series.train"), sharpness), Series(word("series.two_over_eta"), 2 / LRS)),
        log_y=True,
        y_limits=(1.0, 1000.0),
    )
    page = convergence_page()
    return replace(
        page,
        study="generalization",
        sections=(Section(said("section.2"), (said("prose"),), (held, sharp)), *page.sections[1:]),
    )


def _with_text(value: Any, text: str) -> Any:
    if isinstance(value, Message):
        return Message("test.verbatim", {"text": text})
    if isinstance(value, tuple):
        return tuple(_with_text(v, text) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"id"} if isinstance(value, Series) else {"id", "format", "name", "verdict", "runs", "details"}
        return replace(
            value, **{f.name: _with_text(getattr(value, f.name), text) for f in fields(value) if f.name not in kept}
        )
    return text if isinstance(value, str) else value


@pytest.fixture(scope="session")
def with_text() -> Callable[[Page, str], Page]:
    """Put a text in place of every string of a page that a reader sees; identifiers and formats stay."""
    return _with_text


@pytest.fixture(scope="session")
def convergence() -> Page:
    return convergence_page()


@pytest.fixture(scope="session")
def generalization() -> Page:
    return generalization_page()
