"""Steps from wall to wall of a valley: harmless at the edge of stability, a fault where the loss does not fall."""

from __future__ import annotations

import numpy as np

from etude.analysis.alignment import ColumnMean, column_mean
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.floor import WORTH
from etude.analysis.diagnosis.forked import spared_by_fork
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message

BACK_AND_FORTH, BACK = -0.3, -0.9
NEAR_EDGE = 0.9
STALLED, CRAWLS = 0.1, 0.2


def oscillation(e: Evidence) -> Diagnosis | None:
    """D5. Successive gradients point against each other (mean cosine below −0.3), and that does not help.

    That is: much of the loss is left, and it falls no more (G < 0.1; < 0.2 where every step takes the last one back, mean
    cosine below −0.9) or a fork test found a lower learning rate to be better.
    """
    turns = _turns(e)
    if turns is None or turns.interval()[1] > BACK_AND_FORTH or not e.suffers:
        return None
    spared = spared_by_fork(e.run.fork, e.start)
    better = spared is not None and spared.low > 0 and spared.value > WORTH
    if _falls(e, STALLED if turns.mean > BACK else CRAWLS) and not better:
        return None
    q = e.q[0] if e.q is not None and np.isfinite(e.q[0]) and e.q[0] > 0 else 2.0
    factor = 1 / min(max(2.0, q), 10.0)
    low, high = turns.interval()
    return Diagnosis(
        fault=Fault.OSCILLATION,
        symptom=Message("diagnosis.oscillation.symptom", {"cosine": turns.mean, "low": low, "high": high}),
        confidence=Confidence.LIKELY,
        remedy=Remedy(Message("diagnosis.oscillation.remedy", {"factor": 1 / factor}), lr_factor=factor, restart=False),
        falsifier=Message("diagnosis.oscillation.falsifier"),
        began=e.steps // 2,
        estimate=turns.mean,
        interval=(low, high),
    )


def edge(e: Evidence) -> Diagnosis | None:
    r"""D4, information. η·λ_max is within a tenth of its limit, or beyond, and the loss falls, or has fallen, all the same.

    The limit is 2 for plain gradient descent, 2(1 + β) with heavy-ball momentum β. Full-batch training settles there by
    itself; it is no fault, and η should not be raised.
    """
    sharpness = e.point("sharpness")
    if sharpness is None or e.lr is None or e.adaptive or e.steps == 0:
        return None
    limit = 2 * (1 + e.run.hyperparameters.get("momentum", 0.0))
    known = np.flatnonzero(np.isfinite(sharpness))
    rates = e.lr[np.minimum(e.places[known], e.steps - 1).astype(np.int64)]
    product = float(np.median((rates * sharpness[known])[-max(1, len(known) // 3) :]))
    if product < NEAR_EDGE * limit or not (_falls(e, STALLED) or not e.suffers):
        return None
    return Diagnosis(
        fault=Fault.EDGE,
        symptom=Message("diagnosis.edge.symptom", {"product": product, "limit": limit}),
        confidence=Confidence.LIKELY,
        falsifier=Message("diagnosis.edge.falsifier"),
        estimate=product,
    )


def _turns(e: Evidence) -> ColumnMean | None:
    column = e.step("gradient_cosine")
    return None if column is None else column_mean(column[e.steps // 2 :])


def _falls(e: Evidence, share: float) -> bool:
    return e.gain is not None and e.gain[0] - 1.96 * e.gain[1] > share
