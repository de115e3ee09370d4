"""Records as they come: columns missing, short, with holes, constant, huge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Fault
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

PER_STEP = (
    "loss", "lr", "gradient_norm", "gradient_norm/a.weight", "gradient_norm/b.weight", "update_ratio", "update_ratio/a.weight",
    "update_ratio/b.weight", "update_ratio/c.weight", "gradient_cosine", "alignment", "clip_factor", "angular_update/a.weight",
)  # fmt: skip
EVALUATIONS = (
    "train_loss", "validation_loss", "probe_slope", "probe_curvature", "dead/a", "saturated/b", "delta_slope",
    "activation_slope", "delta_slope_error",
    "delta_rms/a", "delta_rms/b", "activation_rms/a", "activation_rms/b", "unit_cosine/a.weight",
    "hidden_gradient/slope", "noise_trace", "noise_square", "sharpness",
)  # fmt: skip


def column(rng: np.random.Generator, length: int) -> Array:
    kind = rng.integers(6)
    values = rng.normal(size=length) * 10.0 ** rng.integers(-8, 9)
    if kind == 0:
        values = np.full(length, float(rng.choice([0.0, 1.0, np.nan, 1e30])))
    elif kind == 1:
        values = np.abs(values)
    elif kind == 2:
        values[rng.random(length) < 0.2] = np.nan
    elif kind == 3:
        values[length // 2 :] = np.inf
    elif kind == 4:
        values = np.sort(np.abs(values))[::-1].copy()
    return values


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_no_record_is_too_strange_for_a_verdict_in_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    length, points = int(rng.choice([0, 1, 3, 40, 150])), int(rng.choice([0, 1, 2, 6]))
    steps = {name: column(rng, length) for name in PER_STEP if rng.random() < 0.7}
    evaluations = {name: column(rng, points) for name in EVALUATIONS if rng.random() < 0.7}
    evaluations["step"] = np.linspace(0, length, points)
    trace = Trace("", Outcome(Ending.STOPPED, length), steps, evaluations)
    planned = np.abs(column(rng, length)) if rng.random() < 0.3 else None
    run = RunRecord(trace, rule=str(rng.choice(["", "SGD", "Adam"])), planned_lr=planned, batch_size=4, chance_loss=1.0)
    found = diagnose(run)
    assert found
    for told in found:
        for message in (told.symptom, told.falsifier, told.remedy and told.remedy.text, *told.wanted):
            assert message is None or all(say(message, language) for language in LANGUAGES)


@pytest.mark.parametrize("length", [40, 400])
def test_a_loss_that_was_never_finite_is_not_the_learning_rate_s(length: int) -> None:
    run = RunRecord(Trace("", Outcome(Ending.STOPPED, length), {"loss": np.full(length, np.nan)}))
    found = diagnose(run)[0]
    assert (found.fault, found.symptom.key) == (Fault.UNDECIDED, "diagnosis.undecided.never_finite")
