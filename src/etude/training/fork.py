"""The fork test: go on from one state with several learning rates on the same batches, and compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, final

import numpy as np
import torch

from etude.core.errors import SpecError
from etude.core.fork import Fork
from etude.core.gradients import Gradients, Params
from etude.core.schedule import Schedule
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.core.trace import Array
from etude.training.evaluate import CURVE_EXAMPLES, evaluate
from etude.training.lanes import Lanes
from etude.training.train import train

FACTORS = (1 / 3, 1.0, 3.0)
STEPS = 50
REPEATS = 4

StateT = TypeVar("StateT")


def fork_lanes(
    lanes: Lanes,
    gradients: Gradients,
    task: Task,
    *,
    factors: Sequence[float] = FACTORS,
    steps: int = STEPS,
    repeats: int = REPEATS,
) -> dict[int, Fork]:
    r"""Let copies of every living lane go on with other learning rates; the lanes themselves are left as they are.

    The copies of a repeat see the same batches. The first repeat goes on with those of the run, so that the copy at factor 1 is
    what the run would have been; the others take those of other seeds. Probed are the training and the held-out loss, each on
    the 1000 fixed examples that evaluations use.

    Args:
        lanes: Lanes between two steps.
        gradients: Way to the gradients.
        task: What they train.
        factors: What η is multiplied by; one of them is 1. Three is far enough apart to see, and not far enough to diverge
            at a good learning rate.
        steps: Updates that each copy makes, past the horizon at the learning rate of its last step.
        repeats: Batches are what the comparison is uncertain by: two at least give an interval, four a useful one.

    Returns:
        A result for each living lane, by its index in ``lanes.specs``.

    Raises:
        SpecError: When ``steps`` or ``repeats`` < 1, or no factor is 1.
    """
    for name, value in (("steps", steps), ("repeats", repeats)):
        if value < 1:
            raise SpecError(f"needs {name} >= 1, got {value}: {STEPS if name == 'steps' else REPEATS} is usual")
    if 1.0 not in factors:
        raise SpecError(f"needs a copy at factor 1 to compare with, got {list(factors)}: add it")
    before, held_out = (
        evaluate(lanes, gradients, task, split, CURVE_EXAMPLES)[f"{split}_loss"] for split in ("train", "validation")
    )
    after = np.stack([_gone_on(lanes, gradients, task, factors, steps, repeat, before) for repeat in range(repeats)])
    return {
        lane: Fork(
            step=lanes.step,
            steps=steps,
            factors=np.array(factors),
            before=np.full(repeats, before[row]),
            after=after[:, 0, row],
            held_out_before=np.full(repeats, held_out[row]),
            held_out_after=after[:, 1, row],
        )
        for row, lane in enumerate(lanes.alive)
    }


def fork_steps(
    snapshot: Callable[[], StateT],
    restore: Callable[[StateT], None],
    advance: Callable[[float, int], None],
    probe: Callable[[], float],
    *,
    held_out: Callable[[], float] | None = None,
    step: int = 0,
    factors: Sequence[float] = FACTORS,
    steps: int = STEPS,
    repeats: int = REPEATS,
) -> Fork:
    """The fork test on anyone's own loop, which is left in the state that it was in.

    Args:
        snapshot: Gives all that training depends on: weights, the optimizer's state, random generators.
        restore: Puts it back.
        advance: Called as ``advance(factor, repeat)``: makes ``steps`` updates with η times the factor, on batches that depend
            on the repeat alone.
        probe: Mean loss on fixed examples, of those that are trained on.
        held_out: Mean loss on fixed examples that are not. A diagnosis then asks whether a longer step would have helped them,
            too: without it, noise that is learned by heart passes for progress.
        step: Updates made so far.
        factors: What η is multiplied by; one of them is 1.
        steps: Updates that ``advance`` makes.
        repeats: How often, on other batches.

    Example:
        >>> w = [1.0]
        >>> def advance(factor, repeat):
        ...     for _ in range(50):
        ...         w[0] -= 0.001 * factor * w[0]
        >>> found = fork_steps(lambda: w[0], lambda x: w.__setitem__(0, x), advance, lambda: w[0] ** 2, repeats=1)
        >>> found.after.round(2), w
        (array([[0.97, 0.9 , 0.74]]), [1.0])
    """
    probes = [probe] if held_out is None else [probe, held_out]
    state = snapshot()
    before = np.array([[look()] * repeats for look in probes])
    after = np.full((len(probes), repeats, len(factors)), np.inf)
    for repeat in range(repeats):
        for column, factor in enumerate(factors):
            restore(state)
            advance(factor, repeat)
            after[:, repeat, column] = [_finite(look()) for look in probes]
    restore(state)
    found = Fork(step, steps, np.array(factors), before[0], after[0])
    return found if held_out is None else replace(found, held_out_before=before[1], held_out_after=after[1])


@final
@dataclass(frozen=True)
class _Longer:
    """A schedule of another length, which stays where the first one ends."""

    schedule: Schedule
    steps: int

    def __call__(self, t: int) -> float:
        return self.schedule(min(t, self.schedule.steps - 1))


def _gone_on(
    lanes: Lanes, gradients: Gradients, task: Task, factors: Sequence[float], steps: int, repeat: int, before: Array
) -> Array:
    """Training and held-out losses of the copies, (2, K, F), infinite where a copy diverged."""
    copies = _copies(lanes, factors, steps, repeat, before)
    for _ in train(copies, gradients, task):
        pass
    found = np.full((2, len(copies.specs)), np.inf)
    if copies.alive:
        last = [copies.evaluations[f"{split}_loss"][-1] for split in ("train", "validation")]
        found[:, copies.alive] = np.stack(last)[:, copies.alive]
    return np.where(np.isfinite(found), found, np.inf).reshape(2, -1, len(factors))


def _copies(lanes: Lanes, factors: Sequence[float], steps: int, repeat: int, before: Array) -> Lanes:
    times, stop = len(factors), lanes.step + steps

    def copied(tensors: Params) -> Params:
        return {name: tensor.repeat_interleave(times, dim=0) for name, tensor in tensors.items()}

    def spec_of(spec: RunSpec, factor: float) -> RunSpec:
        return replace(
            spec,
            schedule=_Longer(spec.schedule, stop),
            scheduled=tuple((name, _Longer(own, stop)) for name, own in spec.scheduled),
            steps=stop,
            peak_lr=spec.peak_lr * factor,
            seed=spec.seed if repeat == 0 else 1_000_003 * repeat + spec.seed,
            evaluate_every=stop,
            measures=(),
        )

    specs = tuple(spec_of(spec, factor) for spec in lanes.living for factor in factors)
    params = copied(lanes.params)
    return Lanes(
        specs=specs,
        alive=list(range(len(specs))),
        params=params,
        buffers=copied(lanes.buffers),
        state={name: copied(own) for name, own in lanes.state.items()},
        step=lanes.step,
        multiplier=np.repeat(lanes.multiplier, times),
        control={name: np.repeat(value, times) for name, value in lanes.control.items()},
        per_step={"loss": torch.full((stop, len(specs)), torch.nan, dtype=next(iter(params.values())).dtype)},
        evaluations={"train_loss": [np.repeat(before, times)], "step": [np.array(float(lanes.step))]},
    )


def _finite(loss: float) -> float:
    return loss if np.isfinite(loss) else np.inf
