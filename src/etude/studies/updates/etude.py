"""Étude 2: what a step does to the weights, at learning rates that are too low, good and too high."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.etude import Etude
from etude.studies.updates.arms import METRIC, aims, arms, find, in_no_race, next_lrs
from etude.studies.updates.page import lay_out

UPDATES = Etude(
    name="updates",
    question=Message("updates.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=next_lrs,
    aims=aims,
    compared=in_no_race,
    objective=METRIC,
    keeps_weights=False,
    defaults={"steps": 300},
)
"""With the distributions of every layer looked into at 25 points, 300 steps of the digits show all there is to see."""
