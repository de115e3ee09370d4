"""Étude 11: does a range test find the best learning rate, and do short runs?"""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.etude import Etude
from etude.studies.find.arms import METRIC, arms, next_lrs
from etude.studies.find.find import find
from etude.studies.find.page import lay_out

FIND = Etude(
    name="find",
    question=Message("find_study.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=next_lrs,
    aims="its whole sweep is the truth by which suggestions at any learning rate are judged",
    objective=METRIC,
    keeps_weights=False,
    # Noisy batches and many seeds, as for warmup: with fewer of either, every method does well on the digits.
    defaults={"steps": 900, "batch_size": 16, "seeds": 10},
)
