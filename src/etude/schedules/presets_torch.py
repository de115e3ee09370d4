"""torch's own schedulers as schedules, each with torch's edges.

The functions have the names of the classes in ``torch.optim.lr_scheduler`` in snake case and their arguments, after the
length of the run. The value at t is torch's learning rate after t calls of ``step()``, as a multiple of the learning
rate that the optimizer was made with (``cyclic_lr``, ``one_cycle_lr``: of ``max_lr``). Where torch takes an absolute
learning rate, the argument here is its ratio to that one, because groups have different ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from etude.core.schedule import Schedule
from etude.schedules.chain import chain, repeat
from etude.schedules.constant import Constant
from etude.schedules.cosine import Cosine
from etude.schedules.cyclical import Cyclical, InverseCycle
from etude.schedules.exponential import Exponential
from etude.schedules.linear import Linear
from etude.schedules.multistep import MultiStep
from etude.schedules.one_cycle import one_cycle, one_cycle_momentum
from etude.schedules.points import Points
from etude.schedules.polynomial import Polynomial
from etude.schedules.replan import window
from etude.schedules.restarts import CosineRestarts
from etude.schedules.step import Step


def step_lr(steps: int, step_size: int, gamma: float = 0.1) -> Step:
    """``StepLR``: γ^⌊t/S⌋."""
    return Step(steps, step_size, gamma)


def multi_step_lr(steps: int, milestones: Sequence[int], gamma: float = 0.1) -> MultiStep:
    """``MultiStepLR``: γ to the number of milestones ≤ t, duplicates counted."""
    return MultiStep(steps, tuple(milestones), gamma)


def constant_lr(steps: int, factor: float = 1 / 3, total_iters: int = 5) -> Schedule:
    """``ConstantLR``: the factor for t < ``total_iters``, then 1; with ``total_iters`` = 0 the factor for good."""
    return _then(steps, Constant(total_iters, factor), 1.0) if total_iters else Constant(steps, factor)


def linear_lr(steps: int, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Schedule:
    """``LinearLR``: a line that reaches ``end_factor`` at t = ``total_iters``, and holds it; with 0 the start holds."""
    if total_iters == 0:
        return Constant(steps, start_factor)
    return _then(steps, Linear(start_factor, end_factor, total_iters), end_factor)


def exponential_lr(steps: int, gamma: float) -> Exponential:
    """``ExponentialLR``: γ^t."""
    return Exponential(steps, gamma)


def polynomial_lr(steps: int, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """``PolynomialLR``: (1 − t/T)^p, and 0 from t = T = ``total_iters`` on; with T = 0 it stays at 1."""
    if total_iters == 0:
        return Constant(steps)
    return _then(steps, Polynomial(1.0, 0.0, total_iters, power), 0.0)


def cosine_annealing_lr(steps: int, T_max: int, floor: float = 0.0) -> Schedule:
    """``CosineAnnealingLR``: reaches the floor at t = T, then rises again, with the period 2T.

    Args:
        steps: Length of the run [optimizer steps].
        T_max: T [optimizer steps].
        floor: ``eta_min`` over the learning rate.
    """
    period = chain(Cosine(1.0, floor, T_max), Cosine(floor, 1.0, T_max))
    return window(repeat(period, -(-steps // period.steps)), 0, steps)


def cosine_annealing_warm_restarts(steps: int, T_0: int, T_mult: int = 1, floor: float = 0.0) -> CosineRestarts:
    """``CosineAnnealingWarmRestarts``: the floor (``eta_min`` over the learning rate) is never reached."""
    return CosineRestarts(steps, T_0, T_mult, floor=floor)


def cyclic_lr(
    steps: int,
    base: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> Cyclical:
    """``CyclicLR`` as multiples of ``max_lr``; ``base`` is ``base_lr / max_lr``."""
    return Cyclical(steps, step_size_up, step_size_down, base, mode, gamma)


def cyclic_momentum(cycle: Cyclical, base: float = 0.8 / 0.9) -> InverseCycle:
    """The momentum of ``CyclicLR`` as multiples of ``max_momentum``; ``base`` is ``base_momentum / max_momentum``."""
    return InverseCycle(cycle, base)


def one_cycle_lr(
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    *,
    three_phase: bool = False,
) -> Points:
    """``OneCycleLR`` as multiples of ``max_lr``, for its ``total_steps`` steps."""
    start = 1 / div_factor
    return one_cycle(
        total_steps, pct_start, start, start / final_div_factor, _shape(anneal_strategy), three_phase=three_phase
    )


def one_cycle_lr_momentum(
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    base: float = 0.85 / 0.95,
    *,
    three_phase: bool = False,
) -> Points:
    """The momentum of ``OneCycleLR`` as multiples of ``max_momentum``; ``base`` is ``base_momentum / max_momentum``."""
    return one_cycle_momentum(total_steps, pct_start, base, _shape(anneal_strategy), three_phase=three_phase)


def _shape(anneal_strategy: str) -> str:
    return "cosine" if anneal_strategy == "cos" else anneal_strategy


def _then(steps: int, first: Schedule, held: float) -> Schedule:
    """The first ``steps`` steps of a segment and, where it ends earlier, a value that is held."""
    if first.steps >= steps:
        return window(first, 0, steps)
    return chain(first, Constant(steps - first.steps, held))
