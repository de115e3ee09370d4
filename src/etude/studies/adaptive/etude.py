"""Étude 9: which update rule. Every one at its own best learning rate, at equal budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.halving import Aim
from etude.core.message import Message
from etude.studies.adaptive.arms import METRIC, USUAL, arms, find
from etude.studies.adaptive.page import lay_out
from etude.studies.arms import Sweep
from etude.studies.etude import Etude
from etude.studies.races import refine_each

RESOLUTION = 0.56
"""Widest gap beside a best learning rate [octaves]: half of a first grid's third of a decade."""

STEPS = 200
"""Horizon: on small data later steps only let every rule overfit, and the time is better spent on seeds."""

SEEDS = 10
"""With 231 comparisons to correct for, five seeds resolve hardly any difference."""


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """Best learning rate and basin of every rule; what its usual one costs is asked for too, so that one gets all seeds."""
    own = replace(aim, metrics=(METRIC,), basin=True, spacing=RESOLUTION)
    return {s.arm.name: replace(own, asked=_usual(s)) for s in sweeps}


def _usual(sweep: Sweep) -> tuple[float, ...]:
    usual = USUAL[sweep.arm.name]
    return (usual,) if usual in sweep.arm.lrs else ()


ADAPTIVE = Etude(
    name="adaptive",
    question=Message("adaptive.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=refine_each(METRIC, RESOLUTION),
    aims=aims,
    objective=METRIC,
    keeps_weights=False,
    defaults={"steps": STEPS, "seeds": SEEDS},
)
