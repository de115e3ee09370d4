"""Étude 6: how to decay the learning rate. Every family of schedules at its own best peak, at equal budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.halving import Aim
from etude.core.message import Message
from etude.studies.arms import Arm, Sweep
from etude.studies.decay.arms import METRIC, arms, find
from etude.studies.decay.page import lay_out
from etude.studies.etude import Etude
from etude.studies.races import refine_each

RESOLUTION = 0.5
"""Widest gap beside a best peak [octaves]."""


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """Best learning rate and basin of every family at every horizon."""
    return {s.arm.name: replace(aim, metrics=(METRIC,), basin=True, spacing=RESOLUTION) for s in sweeps}


def horizon(arm: Arm) -> str:
    """Families are compared at one horizon."""
    return str(arm.base.steps)


# What a decay is for is the noise of the batches: with larger ones the digits are learned without noise to speak of, and all
# families end alike, as they do after many steps. With fewer seeds, 66 comparisons resolve next to nothing.
DECAY = Etude(
    name="decay",
    question=Message("decay.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=refine_each(METRIC, RESOLUTION),
    aims=aims,
    compared=horizon,
    objective=METRIC,
    keeps_weights=False,
    defaults={"batch_size": 16, "seeds": 10, "steps": 300},
)
