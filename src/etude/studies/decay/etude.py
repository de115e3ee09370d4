"""Étude 6: how to decay the learning rate. Every family of schedules at its own best peak, at equal budget."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.decay.arms import METRIC, arms, find
from etude.studies.decay.page import lay_out
from etude.studies.etude import Etude
from etude.studies.races import refine_each

DECAY = Etude(
    name="decay",
    question=Message("decay.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=refine_each(METRIC),
    objective=METRIC,
    keeps_weights=False,
)
