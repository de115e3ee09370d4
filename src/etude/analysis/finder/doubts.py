"""Reasons to trust an answer less, each of which went with worse answers on the tuning problems of the finder's scoreboard."""

from __future__ import annotations

from etude.analysis.finder.runs import Best
from etude.core.message import Message

NOISY = 0.2
"""Standard deviation of the loss from batch to batch, relative to what the best run gained. Of the tuning problems seven stayed
below 0.08 and one, a regression whose answers lost 1.4 to 5.7 % of the attainable range, between 0.4 and 1.1."""

NEAR_EDGE = 10**0.5
"""Factor between the answer and the smallest learning rate that failed. Nearer ones lost 5.5 and 5.7 %."""

MANY_PASSES = 16
"""How often the planned training sees each example. Seven tuning problems see them 5 to 14 times; the one that sees them 30
times, a net that is fine-tuned on 640 pictures, lost 10.6 to 10.9 %, because the best learning rate of a few passes learns the
examples by heart in many. Judged by validation loss after all of the planned steps, it lost 0.4 %."""

FAR = 20
"""Horizon relative to the runs' length: from 71 to 1420 steps is as far as ``benchmarks/horizon.py`` tests it."""


def doubts(
    best: Best,
    noise: float,
    lr: float,
    beyond: float | None,
    steps: int,
    horizon: int,
    epoch: int | None,
    *,
    judged: bool,
) -> tuple[Message, ...]:
    """What speaks against an answer.

    Args:
        best: The best learning rate of the runs.
        noise: Standard deviation of the loss from batch to batch.
        lr: The answer.
        beyond: Smallest learning rate that failed, or ``None``.
        steps: Length of the runs.
        horizon: Steps that are planned.
        epoch: Batches in a pass through the data, if the search came to its end.
        judged: Whether an evaluation judged the runs.

    Example:
        >>> best = Best(0.1, 0.05, 0.2, spread=0.1, descent=2.0, error=0.01, inside=True)
        >>> [d.key for d in doubts(best, 0.1, 0.04, 1.0, 71, 300, 10, judged=False)]
        ['find.doubt.few.training']
        >>> doubts(best, 0.1, 0.04, 1.0, 300, 300, 10, judged=True)
        ()
    """
    found = []
    if noise > NOISY * abs(best.descent):
        found.append(Message("find.doubt.noise", {"noise": noise, "descent": best.descent}))
    if beyond is not None and beyond < NEAR_EDGE * lr:
        found.append(Message("find.doubt.edge", {"beyond": beyond, "ratio": beyond / lr}))
    whole = judged and steps >= horizon
    if epoch is not None and horizon >= MANY_PASSES * epoch and not whole:
        kind = "evaluated" if judged else "training"
        found.append(Message(f"find.doubt.few.{kind}", {"passes": horizon / epoch, "measured": steps}))
    if horizon > FAR * steps:
        found.append(Message("find.doubt.far", {"ratio": horizon / steps, "most": FAR}))
    return tuple(found)
