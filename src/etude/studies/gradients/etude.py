"""Étude 5: vanishing and exploding gradients, by depth and through time, and what helps against them."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.etude import Etude
from etude.studies.gradients.arms import METRIC, aims, among, arms, next_lrs, own_tasks
from etude.studies.gradients.find import find
from etude.studies.gradients.page import lay_out

# A network that trains at all does so within 200 steps of the digits. Losses of deep networks scatter, so that a basin within
# the usual 2 % of the best would be one of chance.
GRADIENTS = Etude(
    name="gradients",
    question=Message("gradients.title"),
    find=find,
    lay_out=lay_out,
    tasks=own_tasks,
    arms=arms,
    plan=next_lrs,
    aims=aims,
    compared=among,
    objective=METRIC,
    keeps_weights=False,
    defaults={"steps": 200, "seeds": 4, "tolerance": 0.2},
)
