"""What a search answers, under the names that users of Lightning's finder know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from etude.analysis.finder.runs import curve_of
from etude.core.errors import UserError
from etude.integrations.finder.answer import Answer


@final
@dataclass(frozen=True, eq=False)
class Found:
    """An answer with ``suggestion``, ``results`` and ``plot``.

    Attributes:
        answer: The whole answer: interval, edge, confidence, expected regret, the reason where there is none.
    """

    answer: Answer

    def suggestion(self) -> float | None:
        """The recommended learning rate; ``None`` where there is none, and ``answer.reason`` says why."""
        return self.answer.lr

    @property
    def results(self) -> dict[str, list[float]]:
        """Learning rates and losses of the runs that decided; a loss is infinite where the run exploded."""
        runs = self.answer.search.runs
        lrs, losses = curve_of(runs) if runs else (np.empty(0), np.empty(0))
        return {"lr": lrs.tolist(), "loss": losses.tolist()}

    def plot(self, suggest: bool = True, show: bool = False, ax: Any = None) -> Any:
        """Draw the runs that decided, the interval and the suggestion; returns the matplotlib figure.

        Args:
            suggest: Whether to mark the suggestion and its interval.
            show: Whether to show the figure at once.
            ax: Axes to draw into.

        Raises:
            UserError: When matplotlib is missing.
        """
        try:
            from matplotlib import pyplot
        except ImportError as missing:
            raise UserError('a plot needs matplotlib, which is not installed: pip install "etude[png]"') from missing
        figure = pyplot.subplots()[0] if ax is None else ax.figure
        ax = figure.axes[0] if ax is None else ax
        lrs, losses = (np.array(column) for column in self.results.values())
        ax.semilogx(lrs, np.where(np.isfinite(losses), losses, np.nan), "o-")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        if suggest and self.answer.interval is not None:
            ax.axvspan(*self.answer.interval, alpha=0.2)
            ax.axvline(self.answer.lr, linestyle="--", label=f"{self.answer.lr:.3g}")
            ax.legend()
        if show:
            pyplot.show()
        return figure
