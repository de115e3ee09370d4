"""Records with a known answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from etude.analysis.diagnosis.record import RunRecord
from etude.core.trace import Array, Ending, Outcome, Trace

STEPS, POINTS = 400, 11


class Synthetic:
    """A healthy run of a two-layer network: the loss falls by a half every 20 steps to a floor, in noise.

    Its columns may be replaced by keyword; ``None`` takes a column away.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        t = np.arange(STEPS)
        self.rng, self.t = rng, t
        self.places = np.linspace(0, STEPS, POINTS)
        self.loss = 2.3 * (0.02 + 0.98 * 0.5 ** (t / 20)) * np.exp(0.05 * rng.normal(size=STEPS))
        curve = 2.3 * (0.02 + 0.98 * 0.5 ** (self.places / 20))
        self.per_step: dict[str, Array] = {
            "loss": self.loss,
            "lr": np.full(STEPS, 0.1),
            "gradient_norm": np.exp(0.2 * rng.normal(size=STEPS)),
            "update_ratio": 2e-3 * np.exp(0.2 * rng.normal(size=STEPS)),
            "gradient_cosine": 0.1 * rng.normal(size=STEPS),
            "alignment": 0.1 * rng.normal(size=STEPS),
            "clip_factor": np.ones(STEPS),
        }
        self.evaluations: dict[str, Array] = {
            "step": self.places,
            "train_loss": curve,
            "validation_loss": curve + 0.1 * (1 - 0.5 ** (self.places / 20)),
            "probe_slope": -curve,
            "probe_curvature": 0.3 * curve,
            "dead/1": np.full(POINTS, 0.02),
        }

    def record(
        self,
        per_step: dict[str, Array | None] | None = None,
        evaluations: dict[str, Array | None] | None = None,
        outcome: Outcome | None = None,
        final: dict[str, float] | None = None,
        **context: object,
    ) -> RunRecord:
        steps = {n: c for n, c in (self.per_step | (per_step or {})).items() if c is not None}
        points = {n: c for n, c in (self.evaluations | (evaluations or {})).items() if c is not None}
        trace = Trace("", outcome or Outcome(Ending.COMPLETED, STEPS), steps, points, final or {})
        return RunRecord(trace, **({"rule": "SGD", "chance_loss": 2.3} | context))  # type: ignore[arg-type]


@pytest.fixture
def healthy() -> Synthetic:
    return Synthetic()


@pytest.fixture
def slow() -> Callable[[float], dict[str, Array]]:
    """Training loss at the evaluations of a run that has made a share of its way at an even pace."""

    def curve(share: float) -> dict[str, Array]:
        places = np.linspace(0, STEPS, POINTS)
        return {"train_loss": 2.3 * (1 - share * places / STEPS)}

    return curve
