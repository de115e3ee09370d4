"""What breaks learning-rate schedulers in practice: ours in each case, and torch's own beside it where it fails."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
)

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.integrations.torch_scheduler import ScheduledLR
from etude.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    chain,
    cool_down_from,
    extend,
    one_cycle,
    one_cycle_momentum,
    shorten,
    warmup,
)


def sgd(lr: Any = 0.1, **more: Any) -> torch.optim.Optimizer:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    return torch.optim.SGD([parameter], lr=lr, **more)


def lr_of(optimizer: torch.optim.Optimizer, group: int = 0) -> float:
    return float(optimizer.param_groups[group]["lr"])


def train(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int) -> list[float]:
    played = []
    for _ in range(steps):
        played.append(lr_of(optimizer))
        optimizer.step()
        scheduler.step()
    return played


# --- a run that goes on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "replan", [lambda m: extend(m, 4, 20), lambda m: shorten(m, 4, 7), lambda m: cool_down_from(m, 4, 5)]
)
def test_a_run_goes_on_with_another_horizon_without_a_jump(replan: Callable[[Schedule], Schedule]) -> None:
    plan = chain(warmup(2), Cosine(1.0, 0.0, 8))
    optimizer = sgd()
    scheduler = ScheduledLR(optimizer, plan)
    before = train(optimizer, scheduler, 4)
    new_plan = replan(plan)
    again = sgd()
    going_on = ScheduledLR(again, new_plan)
    going_on.load_state_dict(scheduler.state_dict())
    after = train(again, going_on, new_plan.steps - 4)
    assert before + after == pytest.approx([0.1 * new_plan(t) for t in range(new_plan.steps)], rel=1e-12)
    assert after[0] == pytest.approx(0.1 * plan(4), rel=1e-12)


def test_torchs_cosine_takes_the_old_horizon_from_the_state_and_says_nothing() -> None:
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, T_max=10)
    train(optimizer, scheduler, 4)
    longer = CosineAnnealingLR(sgd(), T_max=20)
    longer.load_state_dict(scheduler.state_dict())
    assert longer.T_max == 10


def test_a_plan_that_makes_the_learning_rate_jump_is_named() -> None:
    optimizer = sgd()
    scheduler = ScheduledLR(optimizer, Linear(1.0, 0.0, 10))
    train(optimizer, scheduler, 5)
    other = ScheduledLR(sgd(), Linear(1.0, 0.0, 20))
    with pytest.warns(
        UserWarning, match=r"group 0 has the multiplier 0.75 at step 5 where the saved run had 0.5: plan anew"
    ):
        other.load_state_dict(scheduler.state_dict())


@pytest.mark.parametrize("optimizer_loaded", [True, False])
def test_the_state_alone_brings_the_learning_rate_back_and_torchs_exponential_needs_the_optimizers_too(
    optimizer_loaded: bool,
) -> None:
    def resumed(make: Callable[[torch.optim.Optimizer], LRScheduler]) -> float:
        optimizer = sgd()
        scheduler = make(optimizer)
        train(optimizer, scheduler, 5)
        again = sgd()
        going_on = make(again)
        going_on.load_state_dict(scheduler.state_dict())
        if optimizer_loaded:
            again.load_state_dict(optimizer.state_dict())
        train(again, going_on, 1)
        return lr_of(again)

    right = 0.1 * 0.5**6
    assert resumed(lambda o: ScheduledLR(o, Exponential(10, 0.5))) == pytest.approx(right, rel=1e-12)
    theirs = resumed(lambda o: ExponentialLR(o, 0.5))
    assert theirs == pytest.approx(right if optimizer_loaded else 0.05, rel=1e-12)


@pytest.mark.parametrize("optimizer_last", [True, False])
def test_the_order_of_loading_does_not_matter_and_torchs_chain_is_lost_when_it_is_made_on_a_loaded_optimizer(
    optimizer_last: bool,
) -> None:
    def theirs(optimizer: torch.optim.Optimizer) -> LRScheduler:
        parts = [LinearLR(optimizer, 0.1, 1.0, 10), CosineAnnealingLR(optimizer, 90)]
        return SequentialLR(optimizer, parts, [10])

    def resumed(make: Callable[[torch.optim.Optimizer], LRScheduler]) -> tuple[float, float]:
        optimizer = sgd()
        scheduler = make(optimizer)
        train(optimizer, scheduler, 5)
        saved, last = scheduler.state_dict(), optimizer.state_dict()
        again = sgd()
        if not optimizer_last:
            again.load_state_dict(last)
        going_on = make(again)
        going_on.load_state_dict(saved)
        if optimizer_last:
            again.load_state_dict(last)
        train(again, going_on, 1)
        train(optimizer, scheduler, 1)
        return lr_of(again), lr_of(optimizer)

    there, straight = resumed(lambda o: ScheduledLR(o, chain(warmup(10), Cosine(1.0, 0.0, 90))))
    assert there == straight
    there, straight = resumed(theirs)
    assert (there == pytest.approx(straight)) == optimizer_last


def test_a_state_saved_between_the_update_and_the_schedulers_step_loses_no_step() -> None:
    optimizer = sgd()
    scheduler = ScheduledLR(optimizer, Linear(1.0, 0.0, 10))
    optimizer.step()
    state = scheduler.state_dict()
    again = ScheduledLR(sgd(), Linear(1.0, 0.0, 10))
    again.load_state_dict(state)
    again.step()
    assert again.last_epoch == 1


def test_a_new_peak_wins_over_the_saved_one_and_torchs_does_not() -> None:
    optimizer = sgd(0.1)
    scheduler, theirs = ScheduledLR(optimizer, Constant(10)), LambdaLR(sgd(0.1), lambda t: 1.0)
    train(optimizer, scheduler, 3)
    again = sgd(0.02)
    ScheduledLR(again, Constant(10), peak_lr=0.02).load_state_dict(scheduler.state_dict())
    assert lr_of(again) == 0.02

    their_optimizer = sgd(0.02)
    going_on = LambdaLR(their_optimizer, lambda t: 1.0)
    going_on.load_state_dict(theirs.state_dict())
    train(their_optimizer, going_on, 1)
    assert lr_of(their_optimizer) == 0.1


def test_a_scheduler_made_anew_on_a_used_optimizer_takes_the_peak_it_is_given_and_torchs_an_old_one() -> None:
    optimizer = sgd(0.1)
    train(optimizer, ScheduledLR(optimizer, Linear(1.0, 0.0, 5)), 5)
    ScheduledLR(optimizer, Constant(5), peak_lr=0.5)
    assert lr_of(optimizer) == 0.5

    used = sgd(0.1)
    train(used, LambdaLR(used, lambda t: 0.9**t), 5)
    used.param_groups[0]["lr"] = 0.5
    LambdaLR(used, lambda t: 1.0)
    assert lr_of(used) == 0.1


def test_a_run_that_goes_on_from_a_number_takes_its_peaks_or_says_what_it_lacks() -> None:
    optimizer = sgd(0.1)
    ScheduledLR(optimizer, Linear(1.0, 0.0, 10), last_epoch=4, peak_lr=0.2)
    assert lr_of(optimizer) == pytest.approx(0.2 * 0.5)
    with pytest.raises(
        SpecError, match="peaks of a run that goes on are unknown to the optimizer: pass them as peak_lr"
    ):
        ScheduledLR(sgd(0.1), Linear(1.0, 0.0, 10), last_epoch=4)
    with pytest.raises(KeyError, match="initial_lr"):
        LambdaLR(sgd(0.1), lambda t: 1.0, last_epoch=4)


# --- updates that do not happen ----------------------------------------------------------------------------------------


def scaled_training(
    optimizer: torch.optim.Optimizer, scheduler: LRScheduler, infinite_at: set[int], steps: int
) -> list[float]:
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    (parameter,) = optimizer.param_groups[0]["params"]
    played = []
    for t in range(steps):
        optimizer.zero_grad()
        scaler.scale(parameter.sum()).backward()
        if t in infinite_at:
            parameter.grad.fill_(torch.inf)
        played.append(lr_of(optimizer))
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
    return played


@pytest.mark.parametrize("fused", [False, True])
def test_a_skipped_update_does_not_advance_the_schedule(fused: bool) -> None:
    optimizer = sgd(1.0, fused=fused)
    plan = Linear(1.0, 0.0, 10)
    played = scaled_training(optimizer, ScheduledLR(optimizer, plan), {0, 2, 3}, 6)
    assert played == [plan(t) for t in (0, 0, 1, 1, 1, 2)]


def test_torchs_scheduler_advances_through_skipped_updates_and_warns_of_a_wrong_order() -> None:
    optimizer = sgd(1.0)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        played = scaled_training(optimizer, LambdaLR(optimizer, lambda t: 1 - t / 10), {0, 2, 3}, 6)
    assert played == pytest.approx([1 - t / 10 for t in range(6)])


def test_calls_in_the_wrong_order_or_too_often_still_play_every_step_once() -> None:
    optimizer = sgd(1.0)
    plan = Linear(1.0, 0.0, 10)
    scheduler = ScheduledLR(optimizer, plan)
    played = []
    for _ in range(5):
        scheduler.step()
        scheduler.step()
        played.append(lr_of(optimizer))
        optimizer.step()
    assert played == [plan(t) for t in range(5)]


def test_the_first_update_has_the_first_value_and_torchs_loses_it_when_the_scheduler_steps_first() -> None:
    def first(scheduler_of: Callable[[torch.optim.Optimizer], LRScheduler]) -> list[float]:
        optimizer = sgd(1.0)
        scheduler = scheduler_of(optimizer)
        played = []
        for _ in range(3):
            scheduler.step()
            played.append(lr_of(optimizer))
            optimizer.step()
        return played

    plan = warmup(4)
    assert first(lambda o: ScheduledLR(o, plan)) == [plan(t) for t in range(3)]
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        assert first(lambda o: LambdaLR(o, plan)) == [plan(t) for t in range(1, 4)]


def test_a_linear_warmup_starts_above_zero_and_torchs_refuses_to_start_at_zero_or_holds_back_a_whole_step() -> None:
    optimizer, theirs = sgd(1.0), sgd(1.0)
    ours = train(optimizer, ScheduledLR(optimizer, chain(warmup(4), Constant(4))), 5)
    assert ours == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert train(theirs, LinearLR(theirs, 0.25, 1.0, 4), 5) == pytest.approx([0.25, 0.4375, 0.625, 0.8125, 1.0])
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        LinearLR(sgd(1.0), 0.0, 1.0, 4)


def test_a_jump_to_a_given_step_is_obeyed_without_a_warning() -> None:
    optimizer = sgd(1.0)
    scheduler = ScheduledLR(optimizer, Linear(1.0, 0.0, 10))
    scheduler.step(7)
    assert lr_of(optimizer) == pytest.approx(0.3)


# --- groups ------------------------------------------------------------------------------------------------------------


def test_each_group_has_its_own_scale_and_its_own_schedule() -> None:
    optimizer = torch.optim.SGD([{"params": [torch.ones(1)], "lr": 0.5}, {"params": [torch.ones(1)], "lr": 0.01}])
    plans = [Linear(1.0, 0.0, 6), chain(warmup(3), Constant(2))]
    scheduler = ScheduledLR(optimizer, plans)
    for t in range(5):
        assert [lr_of(optimizer, g) for g in (0, 1)] == [0.5 * plans[0](t), 0.01 * plans[1](t)]
        optimizer.step()
        scheduler.step()


def test_torchs_lambdas_also_differ_by_group_but_its_other_families_have_one_shape_for_all() -> None:
    def groups() -> torch.optim.Optimizer:
        return torch.optim.SGD([{"params": [torch.ones(1)], "lr": 0.5}, {"params": [torch.ones(1)], "lr": 0.01}])

    plans = [Linear(1.0, 0.0, 6), chain(warmup(3), Constant(3))]
    ours, theirs = groups(), groups()
    scheduler, reference = ScheduledLR(ours, plans), LambdaLR(theirs, plans)
    for _ in range(5):
        assert [lr_of(ours, g) for g in (0, 1)] == [lr_of(theirs, g) for g in (0, 1)]
        for stepping in (ours, theirs, scheduler, reference):
            stepping.step()
    one_shape = CosineAnnealingLR(ours := groups(), T_max=[6, 3])
    ours.step()
    with pytest.raises(TypeError):
        one_shape.step()


@pytest.mark.parametrize("through_scheduler", [True, False])
def test_a_group_added_later_follows_the_common_schedule(through_scheduler: bool) -> None:
    optimizer = sgd(1.0)
    plan = Linear(1.0, 0.0, 10)
    scheduler = ScheduledLR(optimizer, plan)
    train(optimizer, scheduler, 3)
    group = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}
    if through_scheduler:
        scheduler.add_param_group(group)
        assert lr_of(optimizer, 1) == 0.5 * plan(3)
    else:
        optimizer.add_param_group(group)
    train(optimizer, scheduler, 1)
    assert [lr_of(optimizer, g) for g in (0, 1)] == [plan(4), 0.5 * plan(4)]


def test_a_group_added_to_torchs_stops_the_training() -> None:
    optimizer = sgd(1.0)
    scheduler = LambdaLR(optimizer, lambda t: 1.0)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
    optimizer.step()
    with pytest.raises(ValueError, match="zip"):
        scheduler.step()


def test_a_new_head_warms_up_on_its_own_clock_and_is_resumed_with_it() -> None:
    plan, own = Linear(1.0, 0.0, 10), chain(warmup(4), Constant(10))

    def made() -> tuple[torch.optim.Optimizer, ScheduledLR]:
        optimizer = sgd(1.0)
        return optimizer, ScheduledLR(optimizer, plan, peak_lr=1.0)

    def add(scheduler: ScheduledLR) -> None:
        scheduler.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}, own)

    optimizer, scheduler = made()
    train(optimizer, scheduler, 3)
    add(scheduler)
    assert lr_of(optimizer, 1) == 0.5 * own(0)
    train(optimizer, scheduler, 2)
    again, going_on = made()
    with pytest.raises(SpecError, match="the state is of 2 groups but the optimizer has 1: add the missing groups"):
        going_on.load_state_dict(scheduler.state_dict())
    add(going_on)
    going_on.load_state_dict(scheduler.state_dict())
    train(again, going_on, 1)
    assert [lr_of(again, g) for g in (0, 1)] == [plan(6), 0.5 * own(3)]


def test_a_group_without_a_schedule_among_groups_with_their_own_is_refused() -> None:
    optimizer = sgd(1.0)
    scheduler = ScheduledLR(optimizer, [Constant(5)])
    group = {"params": [torch.nn.Parameter(torch.ones(1))]}
    with pytest.raises(SpecError, match="pass the new group's schedule as well"):
        scheduler.add_param_group(group)
    optimizer.add_param_group(group)
    optimizer.step()
    with pytest.raises(SpecError, match="a group was added that has no schedule"):
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: ScheduledLR(o, [Constant(5)] * 2), "needs one schedule for each of 1 groups, got 2"),
        (lambda o: ScheduledLR(o, Constant(5), peak_lr=[0.1, 0.2]), "needs one peak_lr for each of 1 groups, got 2"),
        (lambda o: ScheduledLR(o, Constant(5), also={"beta1": Constant(5)}), "no 'beta1' to schedule: known are"),
    ],
)
def test_what_does_not_fit_the_optimizer_is_refused(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make(sgd())


# --- other hands, other values -----------------------------------------------------------------------------------------


def test_a_learning_rate_changed_by_another_hand_is_set_back_with_a_warning_and_torchs_without() -> None:
    optimizer = sgd(0.1)
    scheduler = ScheduledLR(optimizer, Constant(10))
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.7
    with pytest.warns(UserWarning, match=r"group 0 was changed to 0.7 .* sets it back \(it was 0.1\): use set_peak_lr"):
        scheduler.step()
    assert lr_of(optimizer) == 0.1

    theirs = sgd(0.1)
    their_scheduler = LambdaLR(theirs, lambda t: 1.0)
    theirs.step()
    theirs.param_groups[0]["lr"] = 0.7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        their_scheduler.step()
    assert lr_of(theirs) == 0.1


def test_a_peak_changed_on_purpose_holds() -> None:
    optimizer = sgd(0.1)
    scheduler = ScheduledLR(optimizer, Linear(1.0, 0.0, 10))
    train(optimizer, scheduler, 5)
    scheduler.set_peak_lr(0.4)
    assert train(optimizer, scheduler, 2) == pytest.approx([0.2, 0.16])


def test_torchs_cyclic_overwrites_the_optimizers_learning_rate_and_ours_takes_it_as_the_peak() -> None:
    optimizer = sgd(0.3)
    CyclicLR(optimizer, base_lr=0.001, max_lr=0.01, cycle_momentum=False)
    assert lr_of(optimizer) == 0.001
    assert optimizer.param_groups[0]["initial_lr"] == 0.001


def test_a_run_longer_than_its_plan_goes_on_and_torchs_one_cycle_ends_it() -> None:
    optimizer = sgd(0.1, momentum=0.9)
    scheduler = ScheduledLR(optimizer, one_cycle(10))
    with pytest.warns(UserWarning, match="beyond its schedule of 10 steps"):
        played = train(optimizer, scheduler, 13)
    assert played[9:] == [played[9]] * 4
    theirs = sgd(0.1, momentum=0.9)
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        train(theirs, OneCycleLR(theirs, 0.1, 10), 13)


@pytest.mark.parametrize("rule", [torch.optim.SGD, torch.optim.Adam])
def test_momentum_is_scheduled_as_torchs_one_cycle_does_and_survives_a_resume(rule) -> None:
    def make() -> torch.optim.Optimizer:
        fixed = {"momentum": 0.95} if rule is torch.optim.SGD else {"betas": (0.95, 0.999)}
        parameter = torch.nn.Parameter(torch.ones(1))
        parameter.grad = torch.ones(1)
        return rule([parameter], lr=0.1, **fixed)

    def momentum(optimizer: torch.optim.Optimizer) -> float:
        group = optimizer.param_groups[0]
        return group["momentum"] if "momentum" in group else group["betas"][0]

    name = "momentum" if rule is torch.optim.SGD else "beta1"
    ours, theirs = make(), make()
    scheduler = ScheduledLR(ours, one_cycle(20), also={name: one_cycle_momentum(20)})
    reference = OneCycleLR(theirs, 0.1, 20)
    for t in range(20):
        assert (lr_of(ours), momentum(ours)) == pytest.approx((lr_of(theirs), momentum(theirs)), rel=1e-11)
        if t == 7:
            state = scheduler.state_dict(), ours.state_dict()
            ours = make()
            ours.load_state_dict(state[1])
            scheduler = ScheduledLR(ours, one_cycle(20), also={name: one_cycle_momentum(20)})
            scheduler.load_state_dict(state[0])
        ours.step()
        theirs.step()
        scheduler.step()
        reference.step()


# --- compiled steps ----------------------------------------------------------------------------------------------------


def frames(make: Callable[[torch.optim.Optimizer], LRScheduler]) -> tuple[int, float]:
    """How often an optimizer step is compiled over 8 steps, and how far the parameter comes."""
    import torch._dynamo
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    parameter.grad = torch.ones(1, dtype=torch.float64)
    lr = torch.tensor(1.0, dtype=torch.float64)
    optimizer = torch.optim.Adam([parameter], lr=lr, foreach=False)
    scheduler = make(optimizer)
    step = torch.compile(optimizer.step, backend=counter)
    for _ in range(8):
        step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    return counter.frame_count, parameter.item()


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_is_compiled_once_and_follows_the_tensor_and_torchs_one_cycle_is_compiled_again() -> None:
    plan = Linear(1.0, 0.0, 8)
    count, way = frames(lambda o: ScheduledLR(o, plan))
    assert count == 1
    assert way == pytest.approx(-sum(plan(t) for t in range(8)), rel=1e-4)  # Adam with a constant gradient steps by η
    assert frames(lambda o: CosineAnnealingWarmRestarts(o, 8))[0] == 1  # no longer replaces the tensor
    assert frames(lambda o: OneCycleLR(o, 1.0, 8))[0] > 1
