"""Étude 9: which update rule. Every one at its own best learning rate, at equal budget."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.adaptive.arms import METRIC, arms, find
from etude.studies.adaptive.page import lay_out
from etude.studies.etude import Etude
from etude.studies.races import refine_each

RESOLUTION = 0.56
"""Widest gap beside a best learning rate [octaves]: half of a first grid's third of a decade."""

STEPS = 200
"""Horizon: on small data later steps only let every rule overfit, and the time is better spent on seeds."""

SEEDS = 10
"""With 231 comparisons to correct for, five seeds resolve hardly any difference."""

ADAPTIVE = Etude(
    name="adaptive",
    question=Message("adaptive.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=refine_each(METRIC, RESOLUTION),
    objective=METRIC,
    keeps_weights=False,
    defaults={"steps": STEPS, "seeds": SEEDS},
)
