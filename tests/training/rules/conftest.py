"""A rule played on given gradients, without a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.core.rule import AveragedRule, Rule
from etude.training.rules.joint import joint

Tensors = dict[str, Tensor]


@pytest.fixture(scope="session")
def play() -> Callable[..., tuple[Tensors, Tensors]]:
    """Weights in training, and weights to evaluate, after one step per given gradient."""

    def run(rule: Rule, start: Tensors, grads: list[Tensors], lrs: list[float]) -> tuple[Tensors, Tensors]:
        params = {n: p.expand(len(lrs), *p.shape).clone() for n, p in start.items()}
        rates = {
            n: torch.tensor(lrs, dtype=torch.float64).to(p).view(-1, *[1] * (p.dim() - 1)) for n, p in params.items()
        }
        whole = joint(rule)
        state = whole.init_all(params)
        for t, step_grads in enumerate(grads):
            whole.update_all(params, {n: g.clone() for n, g in step_grads.items()}, state, rates, t)
        if not isinstance(rule, AveragedRule):
            return params, params
        return params, {n: rule.evaluation(p, state[n]) for n, p in params.items()}

    return run


@pytest.fixture(scope="session")
def play_one(play: Callable[..., tuple[Tensors, Tensors]]) -> Callable[[Rule, Tensor, Tensor, list[float]], Tensor]:
    """The same for one tensor: start (P,), gradients (T, K, P) or (T, 1, P); the weights in training (K, P)."""

    def run(rule: Rule, start: Tensor, grads: Tensor, lrs: list[float]) -> Tensor:
        return play(rule, {"w": start}, [{"w": g} for g in grads], lrs)[0]["w"]

    return run
