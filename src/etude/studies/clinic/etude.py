"""Étude 19: the gallery. Every fault as a small live case: symptom, figure, verdict, remedy, the healed run."""

from __future__ import annotations

from etude.core.message import Message
from etude.studies.clinic.arms import arms, next_lrs, own_tasks
from etude.studies.clinic.find import find
from etude.studies.clinic.page import lay_out
from etude.studies.etude import Etude
from etude.training.measures.angles import Alignment, GradientCosine
from etude.training.measures.applied import AppliedRate, ClipFactor
from etude.training.measures.curvature import LineProbe
from etude.training.measures.depth import DepthProfile
from etude.training.measures.noise_scale import NoiseScale
from etude.training.measures.norms import GradientNorm, UpdateRatio
from etude.training.measures.units import UnitCosine, Units

# Four seeds are the fewest of which all can lie on one side of a half with 95 % confidence.
CLINIC = Etude(
    name="clinic",
    question=Message("clinic.title"),
    find=find,
    lay_out=lay_out,
    tasks=own_tasks,
    arms=arms,
    plan=next_lrs,
    objective="validation_loss",
    measures=(
        GradientNorm(layers=True),
        UpdateRatio(layers=True),
        GradientCosine(),
        Alignment(),
        AppliedRate(),
        ClipFactor(),
        LineProbe(256),
        Units(1024),
        DepthProfile(128),
        NoiseScale(64, 8),
        UnitCosine(128),
    ),
    keeps_weights=False,
    defaults={"steps": 300, "seeds": 4},
)
