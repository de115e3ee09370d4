"""Every rule against torch.optim or its authors' package: on given gradients, and training a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dadaptation
import dog
import numpy as np
import prodigyopt
import pytest
import pytorch_optimizer
import schedulefree
import torch
from torch import Tensor, nn

from etude.core.rule import Rule
from etude.core.spec import RunSpec
from etude.schedules.chain import chain
from etude.schedules.cosine import Cosine
from etude.schedules.warmup import warmup
from etude.tasks.task import Task
from etude.training.checkpoint import pack, unpack
from etude.training.engine import Engine, make_gradients
from etude.training.finish import final_weights
from etude.training.lanes import Lanes, start_lanes
from etude.training.rules import (
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    DAdaptAdam,
    DoG,
    Lion,
    Muon,
    NAdam,
    Prodigy,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)
from etude.training.rules.muon import StepSize
from etude.training.train import train

Params = list[nn.Parameter]
STEPS = 100


@dataclass(frozen=True)
class Pair:
    """A rule, who else implements it, and a learning rate at which both train."""

    rule: Rule
    other: Callable[[Params, float], Any]
    lr: float
    matrices_only: bool = False


class TorchMuon:
    """torch.optim.Muon for the matrices, AdamW for the rest, as one optimizer."""

    def __init__(self, params: Params, lr: float, **options: Any) -> None:
        rest = [p for p in params if p.ndim != 2]
        self.parts: list[torch.optim.Optimizer] = [torch.optim.Muon([p for p in params if p.ndim == 2], lr, **options)]
        if rest:
            self.parts.append(torch.optim.AdamW(rest, lr, (0.9, 0.95)))
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        for part in self.parts:
            part.step()


class AveragedDoG:
    """The authors' DoG with their averager, which wants a module."""

    def __init__(self, params: Params, lr: float, **options: Any) -> None:
        self.optimizer = dog.DoG(params, lr=lr, **options)
        self.param_groups = self.optimizer.param_groups
        self.module = nn.ParameterList(params)
        self.averager = dog.PolynomialDecayAverager(self.module)

    def step(self) -> None:
        self.optimizer.step()
        self.averager.step()

    def eval(self) -> None:
        with torch.no_grad():
            for p, average in zip(self.module, self.averager.averaged_model, strict=True):
                p.copy_(average)


class PaperLAMB:
    """Algorithm 2 of the paper, word for word: pytorch-optimizer has an older version, with decay outside the ratio."""

    def __init__(self, params: Params, lr: float, decay: float) -> None:
        self.param_groups = [{"lr": lr}]
        self.params, self.decay, self.t = params, decay, 0
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in params]

    def step(self) -> None:
        self.t += 1
        self.moments = [
            (0.9 * m + 0.1 * p.grad, 0.999 * v + 0.001 * p.grad**2)
            for (m, v), p in zip(self.moments, self.params, strict=True)
        ]
        for (m, v), p in zip(self.moments, self.params, strict=True):
            r = m / (1 - 0.9**self.t) / ((v / (1 - 0.999**self.t)).sqrt() + 1e-6)
            if p.ndim > 1:
                u = r + self.decay * p.detach()
                r = p.detach().norm() / u.norm() * u
            p.data -= self.param_groups[0]["lr"] * r


PAIRS: dict[str, Pair] = {
    "sgd": Pair(SGD(), torch.optim.SGD, 0.1),
    "momentum": Pair(SGD(momentum=0.9), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), 0.05),
    "momentum, decay": Pair(
        SGD(momentum=0.9, weight_decay=0.1), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=0.1), 0.05
    ),
    "nesterov": Pair(
        SGD(momentum=0.5, nesterov=True), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.5, nesterov=True), 0.05
    ),
    "adagrad": Pair(Adagrad(), torch.optim.Adagrad, 0.02),
    "adagrad, started": Pair(
        Adagrad(eps=1e-4, initial=0.3, weight_decay=0.1),
        lambda p, lr: torch.optim.Adagrad(p, lr, initial_accumulator_value=0.3, weight_decay=0.1, eps=1e-4),
        0.02,
    ),
    "adadelta": Pair(Adadelta(), torch.optim.Adadelta, 1.0),
    "adadelta, decay": Pair(Adadelta(0.95, 1e-4, 0.1), lambda p, lr: torch.optim.Adadelta(p, lr, 0.95, 1e-4, 0.1), 1.0),
    "rmsprop": Pair(RMSprop(), torch.optim.RMSprop, 1e-3),
    "rmsprop, centered": Pair(
        RMSprop(alpha=0.9, eps=1e-3, centered=True, weight_decay=0.1),
        lambda p, lr: torch.optim.RMSprop(p, lr, 0.9, 1e-3, 0.1, centered=True),
        1e-3,
    ),
    "rmsprop, centered momentum": Pair(
        RMSprop(momentum=0.9, eps=1e-2, centered=True),
        lambda p, lr: torch.optim.RMSprop(p, lr, momentum=0.9, eps=1e-2, centered=True),
        1e-4,
    ),
    "adam": Pair(Adam(), torch.optim.Adam, 2e-3),
    "adam, decay": Pair(
        Adam(beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.1),
        lambda p, lr: torch.optim.Adam(p, lr, (0.8, 0.9), 1e-3, 0.1),
        2e-3,
    ),
    "amsgrad": Pair(
        AMSGrad(beta2=0.9, weight_decay=0.1),
        lambda p, lr: torch.optim.Adam(p, lr, (0.9, 0.9), weight_decay=0.1, amsgrad=True),
        2e-3,
    ),
    "adamw": Pair(AdamW(), torch.optim.AdamW, 2e-3),
    "adamw, decay": Pair(
        AdamW(beta1=0.5, weight_decay=0.3), lambda p, lr: torch.optim.AdamW(p, lr, (0.5, 0.999), weight_decay=0.3), 2e-3
    ),
    "adamax": Pair(Adamax(), torch.optim.Adamax, 2e-3),
    "adamax, decay": Pair(
        Adamax(0.8, 0.9, 1e-4, 0.1), lambda p, lr: torch.optim.Adamax(p, lr, (0.8, 0.9), 1e-4, 0.1), 2e-3
    ),
    "nadam": Pair(NAdam(), torch.optim.NAdam, 2e-3),
    "nadam, decay": Pair(
        NAdam(momentum_decay=0.1, weight_decay=0.1),
        lambda p, lr: torch.optim.NAdam(p, lr, weight_decay=0.1, momentum_decay=0.1),
        2e-3,
    ),
    "nadamw": Pair(
        NAdam(0.8, 0.9, weight_decay=0.1, decoupled=True),
        lambda p, lr: torch.optim.NAdam(p, lr, (0.8, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
        2e-3,
    ),
    "radam": Pair(RAdam(), torch.optim.RAdam, 2e-3),
    "radam, decay": Pair(
        RAdam(beta2=0.9, weight_decay=0.1), lambda p, lr: torch.optim.RAdam(p, lr, (0.9, 0.9), weight_decay=0.1), 2e-3
    ),
    "radamw": Pair(
        RAdam(weight_decay=0.1, decoupled=True),
        lambda p, lr: torch.optim.RAdam(p, lr, weight_decay=0.1, decoupled_weight_decay=True),
        2e-3,
    ),
    "lion": Pair(Lion(), pytorch_optimizer.Lion, 1e-3),
    "lion, decay": Pair(
        Lion(0.8, 0.9, 0.1), lambda p, lr: pytorch_optimizer.Lion(p, lr, (0.8, 0.9), weight_decay=0.1), 1e-3
    ),
    "adafactor": Pair(Adafactor(), lambda p, lr: torch.optim.Adafactor(p, lr), 0.02),
    "adafactor, decay": Pair(
        Adafactor(-0.5, 1e-4, 1e-2, 1.1, weight_decay=0.1),
        lambda p, lr: torch.optim.Adafactor(
            p, lr, beta2_decay=-0.5, eps=(1e-4, 1e-2), d=1.1, weight_decay=0.1, foreach=False
        ),
        0.02,
    ),
    "lars": Pair(LARS(trust=0.05), lambda p, lr: pytorch_optimizer.LARS(p, lr, trust_coefficient=0.05), 0.05),
    "lars, decay": Pair(
        LARS(momentum=0.5, trust=0.05, weight_decay=0.1),
        lambda p, lr: pytorch_optimizer.LARS(p, lr, momentum=0.5, trust_coefficient=0.05, weight_decay=0.1),
        0.05,
    ),
    # Where all that differs between the two cancels out: no decay, no epsilon, matrices shorter than the clamp of 10.
    "lamb": Pair(
        LAMB(eps=1e-30, weight_decay=0.0),
        lambda p, lr: pytorch_optimizer.Lamb(p, lr, eps=1e-30, adam_debias=True),
        5e-3,
        matrices_only=True,
    ),
    "lamb, decay": Pair(LAMB(weight_decay=0.1), lambda p, lr: PaperLAMB(p, lr, 0.1), 5e-3),
    "muon": Pair(Muon(), lambda p, lr: TorchMuon(p, lr, adjust_lr_fn="match_rms_adamw"), 2e-3),
    "muon, original": Pair(
        Muon(momentum=0.8, nesterov=False, iterations=3, step_size=StepSize.ORIGINAL, weight_decay=0.0),
        lambda p, lr: TorchMuon(p, lr, momentum=0.8, nesterov=False, ns_steps=3, weight_decay=0.0),
        2e-3,
    ),
    "schedule-free sgd": Pair(ScheduleFreeSGD(), schedulefree.SGDScheduleFree, 0.5),
    "schedule-free sgd, decay": Pair(
        ScheduleFreeSGD(0.7, 0.1), lambda p, lr: schedulefree.SGDScheduleFree(p, lr, 0.7, 0.1), 0.1
    ),
    "schedule-free adamw": Pair(ScheduleFreeAdamW(), schedulefree.AdamWScheduleFree, 5e-3),
    "schedule-free adamw, decay": Pair(
        ScheduleFreeAdamW(0.95, 0.9, 1e-4, 0.1),
        lambda p, lr: schedulefree.AdamWScheduleFree(p, lr, (0.95, 0.9), 1e-4, 0.1, foreach=False),
        5e-3,
    ),
    "dog": Pair(DoG(), AveragedDoG, 1.0),
    "dog, decay": Pair(DoG(1e-3, 1e-4, 0.1, average=False), lambda p, lr: dog.DoG(p, 1e-3, lr, 0.1, 1e-4), 1.0),
    "prodigy": Pair(Prodigy(), prodigyopt.Prodigy, 1.0),
    "prodigy, decay": Pair(
        Prodigy(0.8, 0.9, 1e-6, 0.1, 1e-3, 0.7, 1.05),
        lambda p, lr: prodigyopt.Prodigy(p, lr, (0.8, 0.9), None, 1e-6, 0.1, d0=1e-3, d_coef=0.7, growth_rate=1.05),
        1.0,
    ),
    "prodigy, warm": Pair(
        Prodigy(bias_correction=True, safeguard_warmup=True),
        lambda p, lr: prodigyopt.Prodigy(p, lr, use_bias_correction=True, safeguard_warmup=True),
        1.0,
    ),
    "d-adaptation": Pair(DAdaptAdam(), dadaptation.DAdaptAdam, 1.0),
    "d-adaptation, decay": Pair(
        DAdaptAdam(0.8, 0.99, 1e-6, 0.1, 1e-4, 1.02, bias_correction=True),
        lambda p, lr: dadaptation.DAdaptAdam(
            p,
            lr,
            (0.8, 0.99),
            1e-6,
            0.1,
            0,
            True,
            True,
            1e-4,
            1.02,
        ),
        1.0,
    ),
}

# On given gradients every option is compared; a network shows that the rule gets the right ones, with no option or one.
NETWORKS = {n: pair for n, pair in PAIRS.items() if not pair.matrices_only and ("," not in n or n == "lamb, decay")}
CASES = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())


@pytest.fixture(autouse=True)
def _others_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch keeps NAdam's product in the default dtype, and orthogonalizes in bfloat16 whatever the weights are."""
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(Tensor, "bfloat16", Tensor.clone)
    yield
    torch.set_default_dtype(torch.float32)


def problem(pair: Pair, lanes: int) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"wide": (3, 7), "tall": (6, 2)} | ({} if pair.matrices_only else {"vector": (5,), "kernel": (2, 2, 3, 3)})
    start = {n: torch.randn(s, generator=generator) for n, s in shapes.items()}
    return start, [{n: torch.randn(lanes, *s, generator=generator) for n, s in shapes.items()} for _ in range(STEPS)]


def into_training(optimizer: Any) -> None:
    if hasattr(optimizer, "train"):
        optimizer.train()


def into_evaluation(optimizer: Any) -> None:
    if hasattr(optimizer, "eval"):
        optimizer.eval()


@CASES
def test_a_rule_agrees_with_its_other_implementation_to_1e_12_over_100_steps(
    pair: Pair, play: Callable[..., Any]
) -> None:
    lrs = [0.1 * pair.lr, pair.lr, 3 * pair.lr]
    start, grads = problem(pair, len(lrs))
    trained, evaluated = play(pair.rule, start, grads, lrs)
    for k, lr in enumerate(lrs):
        params = {n: nn.Parameter(p.clone()) for n, p in start.items()}
        optimizer = pair.other(list(params.values()), lr)
        into_training(optimizer)
        for step_grads in grads:
            for n, p in params.items():
                p.grad = step_grads[n][k].clone()
            optimizer.step()
        for ours in (trained, evaluated):
            for n, p in params.items():
                torch.testing.assert_close(ours[n][k], p.detach(), rtol=1e-12, atol=1e-13)
            into_evaluation(optimizer)


@CASES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lanes_do_not_touch_each_other(pair: Pair, dtype: torch.dtype, play: Callable[..., Any]) -> None:
    lrs = [0.1 * pair.lr, pair.lr, 3 * pair.lr, 1e30]
    start, grads = problem(pair, len(lrs))
    start = {n: p.to(dtype) for n, p in start.items()}
    grads = [{n: g.to(dtype) for n, g in step_grads.items()} for step_grads in grads]
    for step_grads in grads[50:]:
        step_grads["wide"][3] = math.nan
    together = play(pair.rule, start, grads, lrs)
    for k in range(3):
        alone = play(pair.rule, start, [{n: g[k : k + 1] for n, g in gs.items()} for gs in grads], lrs[k : k + 1])
        for ours, theirs in zip(together, alone, strict=True):
            assert all(torch.equal(ours[n][k], theirs[n][0]) and ours[n].dtype == dtype for n in start)


def plain_loop(task: Task, spec: RunSpec, pair: Pair) -> tuple[list[float], nn.Module]:
    """The slow obvious twin: what anyone would write."""
    model = task.init(spec.seed)
    optimizer = pair.other(list(model.parameters()), spec.peak_lr)
    into_training(optimizer)
    losses = []
    for t in range(spec.steps):
        for group in optimizer.param_groups:
            group["lr"] = spec.peak_lr * spec.schedule(t)
        x, y = task.batch(spec.seed, t, spec.batch_size)
        loss = task.loss(model(x), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    into_evaluation(optimizer)
    return losses, model


def trained(lanes: Lanes, task: Task) -> Lanes:
    for _ in train(lanes, make_gradients(task, 3, Engine.STACK), task):
        pass
    return lanes


@pytest.mark.parametrize("pair", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_stack_trains_a_network_as_the_plain_loop_does_to_1e_9(
    pair: Pair, task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    shape = chain(warmup(10), Cosine(1.0, 0.1, STEPS - 10))
    specs = [spec_of(lr, pair.rule, STEPS, shape, evaluate_every=50) for lr in (0.3 * pair.lr, pair.lr)]
    lanes = trained(start_lanes(specs, task), task)
    final = final_weights(lanes)
    assert lanes.evaluations["train_loss"][-1][1] < lanes.evaluations["train_loss"][0][1]
    for k, spec in enumerate(specs):
        losses, module = plain_loop(task, spec, pair)
        np.testing.assert_allclose(lanes.losses[:, k].numpy(), losses, rtol=1e-9)
        for name, p in module.named_parameters():
            ours = final[f"{spec.hash}/{name}"]
            assert (ours - p).norm() <= 1e-9 * p.norm() + 1e-12
        x, y = task.examples("validation", None)
        with torch.no_grad():
            expected = float(task.loss(module(x), y))
        assert lanes.evaluations["validation_loss"][-1][k] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "rule", [DoG(), Prodigy(), DAdaptAdam(), ScheduleFreeAdamW(), NAdam(), Adafactor(capped=False), Muon()]
)
def test_a_stack_from_a_checkpoint_ends_at_the_same_bits_also_after_a_lane_has_left(
    rule: Rule, task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    specs = [spec_of(lr, rule, steps=30, clip_norm=0.5) for lr in (1e-3, 1e30, 1e-2)]
    whole = trained(start_lanes(specs, task), task)
    assert whole.alive == [0, 2]
    start = start_lanes(specs, task)
    for data in [pack(start) for _ in train(start, make_gradients(task, 3, Engine.STACK), task)][:-1]:
        resumed = trained(unpack(data, specs, torch.device("cpu")), task)
        assert torch.equal(whole.losses.nan_to_num(), resumed.losses.nan_to_num())
        for name, state in whole.state.items():
            assert all(torch.equal(value, resumed.state[name][key]) for key, value in state.items())
        weights = final_weights(resumed)
        assert all(torch.equal(value, weights[name]) for name, value in final_weights(whole).items())
