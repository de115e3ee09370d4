"""Étude 19: the gallery. Every fault as a small live case: symptom, figure, verdict, remedy, the healed run."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.clinic.arms import arms, next_lrs, own_tasks
from etude.studies.clinic.find import find
from etude.studies.clinic.page import lay_out
from etude.studies.etude import Etude

# Four seeds are the fewest of which all can lie on one side of a half with 95 % confidence.
CLINIC = Etude(
    name="clinic",
    question=Message("clinic.title"),
    find=find,
    lay_out=lay_out,
    tasks=own_tasks,
    arms=arms,
    plan=next_lrs,
    aims="it diagnoses runs at learning rates that are part of each case",
    objective="validation_loss",
    keeps_weights=False,
    defaults={"steps": 300, "seeds": 4},
)
