"""Étude 7: what warm-up allows the peak to be; its length, its shape, and the schedules that begin with one."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.etude import Etude
from etude.studies.warmup.arms import METRIC, aims, arms, next_lrs
from etude.studies.warmup.find import find
from etude.studies.warmup.page import lay_out
from etude.training.measures.effective import EffectiveRates
from etude.training.measures.norms import UpdateNorm

WARMUP = Etude(
    name="warmup",
    question=Message("warmup.title"),
    find=find,
    lay_out=lay_out,
    arms=arms,
    plan=next_lrs,
    aims=aims,
    objective=METRIC,
    measures=(UpdateNorm(), EffectiveRates()),
    keeps_weights=False,
    # Noisy batches and many seeds: with fewer of either, every schedule fits the digits and none is told from another.
    defaults={"optimizer": "adam", "batch_size": 16, "steps": 200, "seeds": 10},
)
