"""The scheduler for people's own loops, against a plain loop and torch's own schedulers."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler

from etude.core.schedule import Schedule
from etude.integrations.torch_scheduler import ScheduledLR
from etude.schedules import Constant, Cosine, Linear, chain, warmup

WHOLE = chain(warmup(3), Constant(2), Cosine(1.0, 0.1, 5))


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def one_step(net: nn.Module, optimizer: torch.optim.Optimizer, t: int) -> None:
    generator = torch.Generator().manual_seed(t)
    x = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    optimizer.zero_grad()
    net(x).square().mean().backward()
    optimizer.step()


def weights(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def lrs(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int) -> list[list[float]]:
    played = []
    for _ in range(steps):
        played.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return played


def two_groups(lr: Any = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)], "lr": 0.02}], lr=lr)


def test_training_with_it_is_training_with_the_learning_rate_set_by_hand() -> None:
    ours, plain = model(), model()
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.3, momentum=0.9)
    scheduler = ScheduledLR(optimizer, WHOLE)
    by_hand = torch.optim.SGD(plain.parameters(), lr=0.3, momentum=0.9)
    for t in range(WHOLE.steps):
        by_hand.param_groups[0]["lr"] = 0.3 * WHOLE(t)
        one_step(plain, by_hand, t)
        one_step(ours, optimizer, t)
        scheduler.step()
    assert torch.equal(weights(ours), weights(plain))


def test_every_group_keeps_its_own_peak() -> None:
    optimizer = two_groups()
    played = lrs(optimizer, ScheduledLR(optimizer, WHOLE), WHOLE.steps)
    assert played == [[0.1 * WHOLE(t), 0.02 * WHOLE(t)] for t in range(WHOLE.steps)]


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (Linear(1.0, 0.1, 8), lambda o: LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=8)),
        (Cosine(1.0, 0.0, 8), lambda o: CosineAnnealingLR(o, T_max=8)),
        (warmup(8), lambda o: LambdaLR(o, lambda t: (t + 1) / 8)),
    ],
)
def test_it_agrees_with_torchs_scheduler_of_the_same_definition(schedule: Schedule, theirs) -> None:
    ours_optimizer, their_optimizer = two_groups(), two_groups()
    ours = lrs(ours_optimizer, ScheduledLR(ours_optimizer, schedule), 8)
    for mine, other in zip(ours, lrs(their_optimizer, theirs(their_optimizer), 8), strict=True):
        assert mine == pytest.approx(other, rel=1e-10)


def test_beyond_the_horizon_the_last_value_is_kept() -> None:
    optimizer = two_groups()
    scheduler = ScheduledLR(optimizer, Linear(1.0, 0.0, 4))
    played = lrs(optimizer, scheduler, 4)  # the last call of step() comes after the last update: nothing to warn of
    with pytest.warns(UserWarning, match="goes on beyond its schedule of 4 steps, at the last learning rate") as said:
        played += lrs(optimizer, scheduler, 5)
    assert len(said) == 1
    assert played[3:] == [[0.1 * 0.25, 0.02 * 0.25]] * 6


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("stop", [0, 1, 4, 9])
def test_a_resumed_run_has_the_same_bits(stop: int, optimizer_first: bool) -> None:
    whole = model()
    optimizer = torch.optim.AdamW(whole.parameters(), lr=0.01)
    scheduler = ScheduledLR(optimizer, WHOLE)
    saved = io.BytesIO()
    for t in range(WHOLE.steps):
        if t == stop:
            torch.save([whole.state_dict(), optimizer.state_dict(), scheduler.state_dict()], saved)
        one_step(whole, optimizer, t)
        scheduler.step()

    saved.seek(0)
    net_state, optimizer_state, scheduler_state = torch.load(saved, weights_only=True)
    resumed = model()
    resumed.load_state_dict(net_state)
    again = torch.optim.AdamW(resumed.parameters(), lr=0.01)
    if optimizer_first:
        again.load_state_dict(optimizer_state)
    going_on = ScheduledLR(again, WHOLE)
    if not optimizer_first:
        again.load_state_dict(optimizer_state)
    going_on.load_state_dict(scheduler_state)
    for t in range(stop, WHOLE.steps):
        one_step(resumed, again, t)
        going_on.step()
    assert torch.equal(weights(resumed), weights(whole))
    assert going_on.get_last_lr() == scheduler.get_last_lr()


def test_a_run_can_go_on_from_a_step_number_as_with_torchs_schedulers() -> None:
    optimizer = two_groups()
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    going_on = ScheduledLR(optimizer, WHOLE, last_epoch=4)
    assert going_on.get_last_lr() == [0.1 * WHOLE(5), 0.02 * WHOLE(5)]


def test_a_learning_rate_in_a_tensor_is_changed_in_place() -> None:
    lr = torch.tensor(0.1, dtype=torch.float64)
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=lr, foreach=False)
    scheduler = ScheduledLR(optimizer, WHOLE)
    for t in range(1, 4):
        optimizer.step()
        scheduler.step()
        assert optimizer.param_groups[0]["lr"] is lr
        assert lr.item() == pytest.approx(0.1 * WHOLE(t), rel=1e-15)
    state = scheduler.state_dict()
    lr.fill_(7.0)
    scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == pytest.approx(0.1 * WHOLE(3), rel=1e-15)


def test_the_state_holds_no_schedule_and_no_optimizer() -> None:
    optimizer = two_groups()
    assert not {"schedule", "optimizer"} & ScheduledLR(optimizer, WHOLE).state_dict().keys()
