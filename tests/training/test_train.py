"""Truth first: a lane equals that run trained alone by a plain PyTorch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.rule import UpdateRule
from etude.core.spec import RunSpec
from etude.schedules.chain import chain
from etude.schedules.cosine import Cosine
from etude.schedules.warmup import warmup
from etude.tasks.task import Task
from etude.training import train as train_module
from etude.training.checkpoint import pack, unpack
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import Lanes, start_lanes
from etude.training.rules import SGD, Adam, AdamW
from etude.training.train import train

LRS = [0.003, 0.01, 0.02]

Torch = Callable[[Iterator[nn.Parameter], float], torch.optim.Optimizer]
RULES: dict[str, tuple[UpdateRule, Torch]] = {
    "sgd": (SGD(), lambda p, lr: torch.optim.SGD(p, lr)),
    "momentum": (
        SGD(momentum=0.9, weight_decay=1e-3),
        lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=1e-3),
    ),
    "nesterov": (
        SGD(momentum=0.8, nesterov=True),
        lambda p, lr: torch.optim.SGD(p, lr, momentum=0.8, nesterov=True),
    ),
    "adam": (Adam(weight_decay=1e-3), lambda p, lr: torch.optim.Adam(p, lr / 10, weight_decay=1e-3)),
    # A bias before batch norm has a gradient of rounding errors alone, which an ε of 1e-8 would make visible.
    "adamw": (
        AdamW(beta2=0.95, eps=1e-6),
        lambda p, lr: torch.optim.AdamW(p, lr / 10, betas=(0.9, 0.95), eps=1e-6),
    ),
}


def plain_loop(task: Task, spec: RunSpec, optimizer: Torch) -> tuple[list[float], nn.Module]:
    """The slow obvious twin: what anyone would write."""
    model = task.init(spec.seed)
    opt = optimizer(model.parameters(), spec.peak_lr)
    base = opt.param_groups[0]["lr"]
    losses = []
    for t in range(spec.steps):
        opt.param_groups[0]["lr"] = base * spec.schedule(t)
        x, y = task.batch(spec.seed, t, spec.batch_size)
        loss = task.loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        if spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
        if spec.clip_value is not None:
            torch.nn.utils.clip_grad_value_(model.parameters(), spec.clip_value)
        opt.step()
        losses.append(loss.item())
    return losses, model


def trained(task: Task, specs: list[RunSpec], engine: Engine) -> Lanes:
    lanes = start_lanes(specs, task)
    for _ in train(lanes, make_gradients(task, specs[0].seed, engine), task):
        pass
    return lanes


def assert_same_bits(a: Lanes, row_a: int, b: Lanes, row_b: int) -> None:
    assert torch.equal(a.losses[:, row_a].nan_to_num(), b.losses[:, row_b].nan_to_num())
    for name in a.params:
        if row_a in a.alive:
            assert torch.equal(a.params[name][a.alive.index(row_a)], b.params[name][b.alive.index(row_b)])
    for name, column in a.evaluations.items():
        if name != "step":
            np.testing.assert_array_equal([row[row_a] for row in column], [row[row_b] for row in b.evaluations[name]])


BOTH = (Engine.STACK, Engine.LOOP)
NETWORKS = [("cnn", Engine.STACK), ("cnn-bn", Engine.STACK), ("cnn-bn", Engine.LOOP), ("gru", Engine.LOOP)]


# A rule sees tensors and an engine sees gradients: every rule on one network, and every network with two rules.
@pytest.mark.parametrize(
    ("rule", "model", "engine", "steps"),
    [(rule, "mlp", engine, 100) for rule in RULES for engine in BOTH]
    + [(rule, *network, steps) for network in NETWORKS for rule, steps in (("momentum", 100), ("adamw", 40))],
)
def test_every_lane_equals_its_own_plain_loop_in_float64(
    task_of: Callable[[str], Task],
    spec_of: Callable[..., RunSpec],
    rule: str,
    model: str,
    engine: Engine,
    steps: int,
) -> None:
    task = task_of(model)
    ours, theirs = RULES[rule]
    factor = 0.1 if rule.startswith("adam") else 1.0
    shape = chain(warmup(10), Cosine(1.0, 0.1, steps - 10))
    specs = [spec_of(lr * factor, ours, steps, shape, clip_norm=1.5, evaluate_every=50) for lr in LRS]
    lanes = trained(task, specs, engine)
    for k, lr in enumerate(LRS):
        spec = spec_of(lr, ours, steps, shape, clip_norm=1.5)
        losses, module = plain_loop(task, spec, theirs)
        np.testing.assert_allclose(lanes.losses[:, k].numpy(), losses, rtol=1e-9)
        for name, p in [*module.named_parameters(), *module.named_buffers()]:
            ours_p = (lanes.params | lanes.buffers)[name][k]
            assert (ours_p - p).double().norm() <= 1e-9 * p.double().norm() + 1e-12


@pytest.mark.parametrize(("model", "engine"), [("mlp", Engine.STACK), ("gru", Engine.LOOP)])
def test_lanes_that_clip_by_norm_by_value_and_not_at_all_share_a_stack(
    task_of: Callable[..., Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task = task_of(model, torch.float64)
    ways: list[dict[str, float]] = [{"clip_value": 0.01}, {"clip_norm": 0.5}, {}]
    specs = [spec_of(0.1, SGD(momentum=0.9), 60, **way) for way in ways]
    lanes = trained(task, specs, engine)
    for k, spec in enumerate(specs):
        losses, _ = plain_loop(task, spec, lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9))
        np.testing.assert_allclose(lanes.losses[:, k].numpy(), losses, rtol=1e-9)
    assert len(set(lanes.losses[-1].tolist())) == len(ways)


@pytest.mark.parametrize(
    ("model", "engine", "lanes"),
    [("mlp", Engine.STACK, 7), ("cnn-bn", Engine.STACK, 5), ("gru", Engine.LOOP, 3)],
)
def test_a_lane_has_the_same_bits_whatever_its_neighbours_and_its_place(
    task_of: Callable[[str, torch.dtype], Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine, lanes: int
) -> None:
    task = task_of(model, torch.float32)
    lrs = (0.01, 1.0, 0.03, 0.1, 1e-4, 0.3, 0.02)[:lanes]
    specs = [spec_of(lr, SGD(momentum=0.9), steps=20) for lr in lrs]
    together = trained(task, specs, engine)
    reversed_order = trained(task, specs[::-1], engine)
    for k, spec in enumerate(specs):
        assert_same_bits(together, k, trained(task, [spec], engine), 0)
        assert_same_bits(together, k, reversed_order, len(specs) - 1 - k)


def test_a_lane_that_explodes_leaves_the_stack_and_changes_no_neighbour(
    task_of: Callable[[str, torch.dtype], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp", torch.float32)
    healthy = [spec_of(lr, steps=120) for lr in (0.01, 0.1)]
    lanes = trained(task, [healthy[0], spec_of(1e30, steps=120), healthy[1]], Engine.STACK)
    assert lanes.alive == [0, 2]
    assert len(lanes.params["1.weight"]) == 2
    alone = trained(task, healthy, Engine.STACK)
    assert_same_bits(lanes, 0, alone, 0)
    assert_same_bits(lanes, 2, alone, 1)
    traces = list(finish(lanes, make_gradients(task, 3, Engine.STACK), task))
    assert [t.outcome.diverged for t in traces] == [False, True, False]
    assert len(traces[1].per_step["loss"]) == traces[1].outcome.step + 1
    assert not np.isfinite(traces[1].per_step["loss"][-1]) or abs(traces[1].per_step["loss"][-1]) > 1e6


def test_a_stack_in_which_every_lane_explodes_ends_early(
    task_of: Callable[[str, torch.dtype], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp", torch.float32)
    lanes = trained(task, [spec_of(1e30, steps=500), spec_of(1e35, steps=500)], Engine.STACK)
    assert lanes.alive == []
    assert lanes.step < 500
    traces = list(finish(lanes, make_gradients(task, 3, Engine.STACK), task))
    assert all(t.outcome.reason == "exploded" and t.final == {} for t in traces)


@pytest.mark.parametrize(
    ("model", "engine", "rule"),
    [
        ("mlp", Engine.STACK, Adam()),
        ("cnn-bn", Engine.STACK, SGD(momentum=0.9)),
        ("gru", Engine.LOOP, Adam()),
        ("mlp", Engine.LOOP, SGD(momentum=0.9)),
    ],
)
def test_a_stack_continued_from_any_pause_ends_at_the_same_bits(
    task_of: Callable[[str, torch.dtype], Task],
    spec_of: Callable[..., RunSpec],
    model: str,
    engine: Engine,
    rule: UpdateRule,
) -> None:
    task = task_of(model, torch.float32)
    specs = [spec_of(lr, rule, steps=40) for lr in (1e-3, 1e-2, 1e30)]
    whole = trained(task, specs, engine)
    start = start_lanes(specs, task)
    packed = [pack(start) for _ in train(start, make_gradients(task, 3, engine), task)]
    assert len(packed) >= 4
    for data in packed[:-1]:
        resumed = unpack(data, specs, torch.device("cpu"))
        for _ in train(resumed, make_gradients(task, 3, engine), task):
            pass
        for k in range(len(specs)):
            assert_same_bits(whole, k, resumed, k)


def test_how_often_the_losses_are_looked_at_changes_no_bit(
    task_of: Callable[[str, torch.dtype], Task], spec_of: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of("mlp", torch.float32)
    specs = [spec_of(lr, steps=40) for lr in (0.01, 1e30, 0.1)]
    seldom = trained(task, specs, Engine.STACK)
    monkeypatch.setattr(train_module, "CHUNK_SECONDS", 0.0)
    lanes = start_lanes(specs, task)
    assert len(list(train(lanes, make_gradients(task, 3, Engine.STACK), task))) == 40
    for k in range(3):
        assert_same_bits(seldom, k, lanes, k)
    assert seldom.exploded == lanes.exploded


def test_dropout_gives_every_lane_of_a_seed_the_same_masks_and_leaves_the_global_generator_alone(
    images: tuple[torch.Tensor, torch.Tensor], spec_of: Callable[..., RunSpec]
) -> None:
    x, y = images
    net = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Dropout(0.5), nn.Linear(20, 10))  # noqa: E731
    task = Task("dropout", net, train=(x.float(), y))
    specs = [spec_of(0.1), spec_of(0.1)]
    before = torch.random.get_rng_state()
    lanes = trained(task, specs, Engine.LOOP)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(lanes.losses[:, 0], lanes.losses[:, 1])
    assert lanes.losses[:, 0].unique().numel() == len(lanes.losses)


def test_group_scales_multiply_the_learning_rate_of_the_parameters_they_name(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    frozen = trained(task, [spec_of(0.1, group_scales=(("1.*", 0.0),))], Engine.STACK)
    model = task.init(3)
    assert torch.equal(frozen.params["1.weight"][0], model.get_parameter("1.weight"))
    opt = torch.optim.SGD(
        [{"params": model[1].parameters(), "lr": 0.0}, {"params": [*model[3].parameters(), *model[5].parameters()]}],
        0.1,
    )
    for t in range(20):
        x, y = task.batch(3, t, 16)
        opt.zero_grad()
        task.loss(model(x), y).backward()
        opt.step()
    torch.testing.assert_close(frozen.params["5.weight"][0], model[5].weight.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("engine", [Engine.STACK, Engine.LOOP])
def test_frozen_parameters_stay_as_they_are_even_under_weight_decay(
    images: tuple[torch.Tensor, torch.Tensor], spec_of: Callable[..., RunSpec], engine: Engine
) -> None:
    def make() -> nn.Module:
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)).double()
        net[1].requires_grad_(False)
        return net

    task = Task("frozen", make, train=images)
    spec = spec_of(0.1, SGD(momentum=0.9, weight_decay=0.1))
    lanes = trained(task, [spec, spec_of(0.2, SGD(momentum=0.9, weight_decay=0.1))], engine)
    assert set(lanes.params) == {"3.weight", "3.bias"}
    assert torch.equal(lanes.buffers["1.weight"][0], task.init(3).get_parameter("1.weight"))
    losses, _ = plain_loop(
        task, spec, lambda p, lr: torch.optim.SGD([q for q in p if q.requires_grad], lr, 0.9, weight_decay=0.1)
    )
    np.testing.assert_allclose(lanes.losses[:, 0].numpy(), losses, rtol=1e-9)
