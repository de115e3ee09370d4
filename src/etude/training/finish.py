"""From trained lanes to traces: the last measurements and the verdict on each run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from etude.core.gradients import Gradients
from etude.core.measure import AtEnd
from etude.core.task import Task
from etude.core.trace import Trace
from etude.training.divergence import judge
from etude.training.evaluate import FINAL_EXAMPLES, evaluate
from etude.training.lanes import Lanes
from etude.training.points import lane_of, point_of


def finish(lanes: Lanes, gradients: Gradients, task: Task) -> Iterator[Trace]:
    """Measure what is measured once, at the end, and judge every run of the stack, one after the other."""
    final: dict[int, dict[str, float]] = {lane: {} for lane in lanes.alive}
    if lanes.alive:
        columns = evaluate(lanes, gradients, task, "train", FINAL_EXAMPLES)
        columns |= evaluate(lanes, gradients, task, "validation", None)
        for row, lane in enumerate(lanes.alive):
            final[lane] = {name: float(values[row]) for name, values in columns.items()}
    once = [m.measure for m in lanes.shared.measures if isinstance(m, AtEnd)]
    point = point_of(lanes, gradients, task) if once and lanes.alive else None
    for lane, spec in enumerate(lanes.specs):
        trace = _trace(lanes, lane, final.get(lane, {}))
        if point and not trace.outcome.diverged:
            own = lane_of(point, lanes.alive.index(lane), spec)
            trace.final.update({name: float(value) for m in once for name, value in m.at_point(own).items()})
        yield trace


def final_weights(lanes: Lanes) -> dict[str, Tensor]:
    """Parameters and buffers of the lanes that reached the end, named ``RUN/parameter``."""
    return {
        f"{lanes.specs[lane].hash}/{name}": tensor[row].contiguous().cpu()
        for name, tensor in (lanes.weights | lanes.buffers).items()
        for row, lane in enumerate(lanes.alive)
    }


def _trace(lanes: Lanes, lane: int, final: dict[str, float]) -> Trace:
    left = lanes.exploded.get(lane)
    stop = lanes.shared.steps if left is None else left + 1
    per_step = {name: column[:stop, lane].double().numpy().copy() for name, column in lanes.per_step.items()}
    steps = np.array(lanes.evaluations["step"], dtype=np.float64)
    seen = steps <= (lanes.shared.steps if left is None else left)
    columns = {n: np.array([row[lane] for row in rows])[seen] for n, rows in lanes.evaluations.items() if n != "step"}
    outcome = judge(per_step["loss"], columns["train_loss"], steps[seen], left)
    return Trace(
        spec_hash=lanes.specs[lane].hash,
        outcome=outcome,
        per_step=per_step,
        evaluations={"step": steps[seen]} | columns,
        final=final,
    )
