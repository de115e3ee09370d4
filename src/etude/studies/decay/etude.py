"""Étude 6: how to decay the learning rate. Every family of schedules at its own best peak, at equal budget."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.decay.arms import METRIC, arms, find
from etude.studies.decay.page import lay_out
from etude.studies.etude import Etude
from etude.studies.races import refine_each

# What a decay is for is the noise of the batches: with larger ones the digits are learned without noise to speak of, and all
# families end alike, as they do after many steps. With fewer seeds, 66 comparisons resolve next to nothing.
DECAY = Etude(
    name="decay",
    question=Message("decay.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=refine_each(METRIC),
    objective=METRIC,
    keeps_weights=False,
    defaults={"batch_size": 16, "seeds": 10, "steps": 300},
)
