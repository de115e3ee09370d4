"""Which learning rate each parameter group would like, beside the one that all have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from torch import nn
from torch.optim import Optimizer

from etude.analysis.finder.ramp import has_exploded
from etude.analysis.finder.runs import ShortRun, edge_of, find_best
from etude.core.errors import SpecError
from etude.core.message import Message
from etude.integrations.finder.search import bracket
from etude.integrations.finder.stage import Stage
from etude.report.catalogue import Language, say

_GAP = 0.5  # decades
_LIMITS = (1e-3, 1e3)
_MOST = 9
_FRESH = (1, 2, 3)  # orders of the batches in which nothing was chosen


@final
@dataclass(frozen=True)
class GroupFactor:
    """What short runs say of one group's learning rate, all others as they are.

    Attributes:
        best: Factor at the smallest loss.
        low: Smallest factor that is as good.
        high: Largest factor that is as good.
        edge: Largest factor that was sound and smallest that was not; ``None`` where no run shows it.
        bounded: Whether worse factors were found on both sides; a group that hardly matters has none.
        resolved: Whether the best one's loss lies below that of the present one by more than two standard errors.
    """

    best: float
    low: float
    high: float
    edge: tuple[float | None, float | None]
    bounded: bool
    resolved: bool

    @property
    def wished(self) -> float:
        """The best factor where the runs tell it from 1, else 1."""
        return self.best if self.bounded and self.resolved else 1.0


@final
@dataclass(frozen=True)
class GroupAnswer:
    """Factors for the groups' learning rates.

    Attributes:
        groups: What was found for each group alone.
        gains: By how much all wished factors together lower the loss, for each order of the batches; empty if none is wished.
        steps: Training steps that were made.
    """

    groups: tuple[GroupFactor, ...]
    gains: tuple[float, ...]
    steps: int

    @property
    def multipliers(self) -> tuple[float, ...]:
        """What to multiply the groups' learning rates with: 1 for all unless it helps together, in every order."""
        helps = bool(self.gains) and min(self.gains) > 0
        return tuple(group.wished if helps else 1.0 for group in self.groups)

    def text(self, language: Language = "en") -> str:
        """The answer in a few lines."""
        lines = [
            Message(
                f"find.group.{'bounded' if group.bounded else 'unbounded'}",
                {"index": i, "best": group.best, "low": group.low, "high": group.high},
            )
            for i, group in enumerate(self.groups)
        ]
        if not self.gains:
            lines.append(Message("find.group.none"))
        elif min(self.gains) > 0:
            factors = ", ".join(f"{factor:.3g}" for factor in self.multipliers)
            lines.append(Message("find.group.helps", {"factors": factors, "gain": float(np.mean(self.gains))}))
        else:
            lines.append(Message("find.group.no_help"))
        return "\n".join(say(line, language) for line in lines)


def find_groups(
    model: nn.Module | Sequence[nn.Module],
    optimizer: Optimizer | Sequence[Optimizer],
    step: Callable[..., Any],
    /,
    *,
    lr: float,
    data: Iterable[Any] | Callable[[], Iterable[Any]] | None = None,
    reset: Callable[[], object] | None = None,
    also: Sequence[object] = (),
    evaluate: Callable[[], Any] | None = None,
    steps: int = 70,
) -> GroupAnswer:
    """Vary the learning rate of one group at a time, and then try all factors that were wished together.

    A group's factor is wished where short runs tell it from 1. Factors that are best one at a time need not be so together:
    they are answered only if the loss is lower with all of them in each of three further orders of the batches. Everything
    is given back as ``find`` does.

    Args:
        model: What is trained, as for ``find``.
        optimizer: Whose groups are varied, with the ratios that they have as the point to start from.
        step: One training step.
        lr: Learning rate of the largest group, such as ``find`` gives.
        data: Batches for ``step``.
        reset: Rewinds what ``step`` reads from.
        also: Further objects whose state shall be kept.
        evaluate: Judges the model at the end of a run.
        steps: Steps of each run; about five runs are made for each group.

    Raises:
        SpecError: When there is only one group, or the run at ``lr`` itself explodes.
    """
    listed = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
    models = [model] if isinstance(model, nn.Module) else list(model)
    stage = Stage(models, listed, step, data, reset, also, evaluate)
    if stage.groups < 2:
        raise SpecError("the optimizer has one parameter group, so there is no ratio to find: make groups, or use find")

    def run(factors: Sequence[float], label: float, order: int = 0) -> ShortRun:
        losses, judged = stage.run(
            np.full(steps, lr), order, lambda seen: has_exploded(seen, float(seen[0]), 0.0), factors
        )
        return ShortRun(label, order, steps, losses, judged)

    with stage.open():
        plain = run(_only(stage.groups, 0, 1.0), 1.0)
        if not plain.finished:
            raise SpecError(f"the run at lr = {lr:g} explodes: pass the learning rate that find gives")
        groups = tuple(_vary(lambda m, g=g: run(_only(stage.groups, g, m), m), plain) for g in range(stage.groups))  # type: ignore[misc]
        wished = [group.wished for group in groups]
        gains = [
            run([1.0] * stage.groups, 1.0, order).value - run(wished, 1.0, order).value
            for order in (_FRESH if any(factor != 1 for factor in wished) else ())
        ]
    return GroupAnswer(groups, tuple(gains), stage.steps)


def _vary(run: Callable[[float], ShortRun], plain: ShortRun) -> GroupFactor:
    """Factors of one group, half a decade apart, until both neighbours of the best one are worse."""
    runs = bracket(lambda m: plain if m == 1 else run(m), 1.0, _GAP, _LIMITS, _MOST)
    base = float(plain.losses[0]) if plain.judged is None else max(r.value for r in runs if r.finished)
    best = find_best(runs, base)
    resolved = plain.value - min(r.value for r in runs) > 2 * best.error
    return GroupFactor(best.lr, best.low, best.high, edge_of(runs, base, best.lr), best.inside, resolved)


def _only(groups: int, index: int, factor: float) -> list[float]:
    return [factor if i == index else 1.0 for i in range(groups)]
