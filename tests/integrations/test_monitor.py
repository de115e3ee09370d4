"""The monitor: it changes nothing, and what it records is what an independent reading of the training gives."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.errors import LockedError, SpecError, StorageError, UserError
from etude.core.measure import Moment
from etude.core.trace import Ending
from etude.integrations.monitor import Monitor, tensorboard
from etude.integrations.monitor.pace import Pace
from etude.storage.recording import RecordingWriter, read_recording
from etude.studies.diagnosis.event_log import event_files, read_events
from etude.training.measures import Alignment, ClipFactor, GradientNorm, UpdateNorm, UpdateRatio, WeightNorm


def model() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2))


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(16, 6, generator=draw), torch.randint(0, 2, (16,), generator=draw)


def loss_at(net: nn.Module, step: int) -> torch.Tensor:
    x, y = batch(step)
    return nn.functional.cross_entropy(net(x), y)


class Nobody:
    """Stands where a monitor would, and watches nothing."""

    def step(self, *_, **__) -> None: ...

    loss = gradients = close = step


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "sgd with momentum and decay": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "sgd, fused": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, fused=True),
    "adam, foreach": lambda p: torch.optim.Adam(p, 0.01, foreach=True),
    "adam, fused": lambda p: torch.optim.Adam(p, 0.01, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01),
    "adam with a tensor for its learning rate": lambda p: torch.optim.Adam(p, torch.tensor(0.01), foreach=False),
}


def plain(net, optimizer, monitor, steps):
    for t in range(steps):
        optimizer.zero_grad()
        loss = loss_at(net, t)
        loss.backward()
        optimizer.step()
        monitor.step(loss)


def accumulating(net, optimizer, monitor, steps):
    for t in range(steps):
        optimizer.zero_grad()
        for part in range(3):
            loss = loss_at(net, 3 * t + part)
            (loss / 3).backward()
            monitor.loss(loss)
        optimizer.step()
        monitor.step()


def clipping(net, optimizer, monitor, steps):
    for t in range(steps):
        optimizer.zero_grad()
        loss = loss_at(net, t)
        loss.backward()
        monitor.gradients()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.2)
        optimizer.step()
        monitor.step(loss, gradient_norm=norm)


def with_closures(net, optimizer, monitor, steps):
    for t in range(steps):

        def closure(t=t):
            optimizer.zero_grad()
            loss = loss_at(net, t)
            loss.backward()
            return loss

        monitor.step(optimizer.step(closure))


def in_half_precision(net, optimizer, monitor, steps):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=3)
    for t in range(steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_at(net, t)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        monitor.step(loss)


def weights_after(train, make, out: Path | None, steps: int = 7, every: int | None = 2) -> list[torch.Tensor]:
    net = model()
    optimizer = make(net.parameters())
    monitor = Monitor(net, optimizer, out, every=every) if out else Nobody()
    torch.manual_seed(0)
    train(net, optimizer, monitor, steps)
    monitor.close()
    return [*net.state_dict().values(), torch.rand(4)]


def same_bits(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(x.numpy().tobytes() == y.numpy().tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_weights_are_the_same_to_the_bit_with_and_without_it(make, tmp_path):
    assert same_bits(weights_after(plain, make, None), weights_after(plain, make, tmp_path / "run"))


@pytest.mark.parametrize("train", [accumulating, clipping, with_closures, in_half_precision])
@pytest.mark.parametrize("make", [OPTIMIZERS["sgd with momentum and decay"], OPTIMIZERS["adam, fused"]])
def test_no_way_of_training_is_changed_by_a_bit(train, make, tmp_path):
    if train is in_half_precision:
        make = {False: make, True: lambda p: torch.optim.Adam(p, 0.01)}[make is OPTIMIZERS["adam, fused"]]
    assert same_bits(weights_after(train, make, None), weights_after(train, make, tmp_path / "run", every=1))


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_closures_gradient_is_held_against_the_update_before_where_it_is_read_inside(make, every, tmp_path):
    """As Lightning's trainer does, whose optimizers all get a closure."""

    def reading(net, optimizer, monitor, steps):
        for t in range(steps):

            def closure(t=t):
                optimizer.zero_grad()
                loss = loss_at(net, t)
                loss.backward()
                monitor.gradients()
                return loss

            monitor.step(optimizer.step(closure))

    weights_after(plain, make, tmp_path / "plain", every=every)
    weights_after(reading, make, tmp_path / "closure", every=every)
    expected, found = (read_recording(tmp_path / name).tables["angles"] for name in ("plain", "closure"))
    assert found["step"].tolist() == expected["step"].tolist()
    np.testing.assert_allclose(found["alignment"], expected["alignment"], rtol=1e-4, atol=1e-6)


def test_lbfgs_is_not_changed_by_a_bit(tmp_path):
    def make(params):
        return torch.optim.LBFGS(params, 0.5, max_iter=3)

    assert same_bits(weights_after(with_closures, make, None, 3), weights_after(with_closures, make, tmp_path / "a", 3))
    tables = read_recording(tmp_path / "a").tables
    assert np.isfinite(tables["layers"]["update_norm"]).all()


def recorded(tmp_path, train, make, **options):
    """What a monitor recorded beside weights and gradients around every update, read by hooks of the test's own."""
    net = model().double()
    net[3].p = 0.0
    seen: list[dict] = []
    optimizer = make(net.parameters())
    names = [name for name, _ in net.named_parameters()]

    def before(*_):
        seen.append(
            {
                "w": {n: p.detach().clone()[None] for n, p in net.named_parameters()},
                "g": {n: p.grad.clone()[None] for n, p in net.named_parameters()},
            }
        )

    def after(*_):
        seen[-1]["u"] = {n: p.detach()[None] - seen[-1]["w"][n] for n, p in net.named_parameters()}

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
    with Monitor(net, optimizer, tmp_path / "run", every=1, **options) as monitor:
        train(net, optimizer, monitor, 6)
    return read_recording(tmp_path / "run"), seen, names


def loss_in_float64(net, t):
    x, y = batch(t)
    return nn.functional.cross_entropy(net(x.double()), y)


def plain64(net, optimizer, monitor, steps):
    for t in range(steps):
        optimizer.zero_grad()
        loss = loss_in_float64(net, t)
        loss.backward()
        optimizer.step()
        monitor.step(loss)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_it_records_what_a_lanes_measures_give(make, tmp_path):
    recording, seen, names = recorded(tmp_path, plain64, make)
    layers, angles = recording.tables["layers"], recording.tables["angles"]
    zeros = {n: torch.zeros_like(w) for n, w in seen[0]["w"].items()}
    one = torch.ones(1, dtype=torch.float64)
    for t, now in enumerate(seen):
        last = seen[t - 1]["u"] if t else zeros
        moment = Moment(t, one, now["w"], now["g"], one, now["u"], one, zeros, last)
        for measure in (
            GradientNorm(layers=True),
            WeightNorm(layers=True),
            UpdateNorm(layers=True),
            UpdateRatio(layers=True),
        ):
            for name, value in measure.at_step(moment).items():
                np.testing.assert_allclose(
                    layers[name][t], float(value), rtol=1e-6, atol=1e-15, err_msg=f"{name} at {t}"
                )
        if t:
            assert angles["alignment"][t - 1] == pytest.approx(
                float(Alignment().at_step(moment)["alignment"]), rel=1e-6
            )
    assert angles["step"].tolist() == [1, 2, 3, 4, 5]
    assert recording.facts["layers"] == names
    assert (layers["clip_factor"] == 1).all()


def test_loss_and_learning_rate_are_those_of_the_step_though_the_scheduler_has_gone_on(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    losses = []
    with Monitor(net, optimizer, tmp_path / "run") as monitor:
        for t in range(4):
            optimizer.zero_grad()
            loss = loss_at(net, t)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            monitor.step(loss)
            loss.detach().zero_()
    steps = read_recording(tmp_path / "run").tables["steps"]
    assert steps["loss"].tolist() == losses
    assert steps["lr"].tolist() == [0.1, 0.05, 0.025, 0.0125]
    assert steps["skipped"].tolist() == [0, 0, 0, 0]


def test_the_gradient_before_clipping_is_told_by_what_clipping_returns(tmp_path):
    def told(net, optimizer, monitor, steps):
        for t in range(steps):
            optimizer.zero_grad()
            loss = loss_in_float64(net, t)
            loss.backward()
            unclipped.append([p.grad.norm().item() for p in net.parameters()])
            norm = nn.utils.clip_grad_norm_(net.parameters(), 0.2)
            optimizer.step()
            monitor.step(loss, gradient_norm=norm)

    unclipped: list[list[float]] = []
    recording, seen, names = recorded(tmp_path, told, OPTIMIZERS["sgd"])
    layers = recording.tables["layers"]
    before = np.linalg.norm(unclipped, axis=1)
    np.testing.assert_allclose(recording.tables["steps"]["gradient_norm"], before)
    for i, name in enumerate(names):
        np.testing.assert_allclose(layers[f"gradient_norm/{name}"], np.array(unclipped)[:, i], rtol=1e-6)
    np.testing.assert_allclose(layers["clip_factor"], np.minimum(0.2 / before, 1), rtol=1e-4)
    one = torch.ones(1)
    factor = torch.tensor([0.2 / before[0]])
    moment = Moment(0, one, seen[0]["w"], seen[0]["g"], factor, seen[0]["u"], one, seen[0]["g"], seen[0]["u"])
    assert layers["clip_factor"][0] == pytest.approx(float(ClipFactor().at_step(moment)["clip_factor"]), rel=1e-4)


def test_gradients_clipped_value_by_value_are_read_when_asked_to(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        loss_at(net, 0).backward()
        before = [p.grad.norm().item() for p in net.parameters()]
        monitor.gradients()
        nn.utils.clip_grad_value_(net.parameters(), 0.01)
        after = [p.grad.norm().item() for p in net.parameters()]
        optimizer.step()
        monitor.step(1.0)
    layers = read_recording(tmp_path / "run").tables["layers"]
    assert layers["gradient_norm/0.weight"][0] == pytest.approx(before[0])
    assert layers["clip_factor"][0] == pytest.approx(np.linalg.norm(after) / np.linalg.norm(before))


def test_updates_that_a_gradient_scaler_skips_are_recorded_as_skipped(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run") as monitor:
        in_half_precision_overflowing(net, optimizer, monitor)
    steps = read_recording(tmp_path / "run").tables["steps"]
    assert steps["skipped"].tolist() == [1, 1, 0, 0]
    assert np.isfinite(steps["loss"]).all()


def in_half_precision_overflowing(net, optimizer, monitor):
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for t in range(4):
        optimizer.zero_grad()
        loss = loss_at(net, t)
        scaler.scale(loss).backward()
        if t < 2:
            next(net.parameters()).grad[0, 0] = torch.inf
        scaler.step(optimizer)
        scaler.update()
        monitor.step(loss)


def test_a_fused_optimizers_scaled_gradients_are_recorded_unscaled_and_its_skipped_updates_too(tmp_path):
    net, twin = model(), model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, fused=True)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        torch.manual_seed(0)
        in_half_precision_overflowing(net, optimizer, monitor)
    tables = read_recording(tmp_path / "run").tables
    assert tables["steps"]["skipped"].tolist() == [1, 1, 0, 0]
    torch.manual_seed(0)
    for t in range(3):
        twin.zero_grad()
        loss_at(twin, t).backward()
    expected = np.linalg.norm([p.grad.norm().item() for p in twin.parameters()])
    assert tables["layers"]["gradient_norm"][2] == pytest.approx(expected, rel=1e-5)
    assert (tables["layers"]["update_norm"][:2] == 0).all()


def test_the_loss_of_accumulated_gradients_is_the_mean_of_the_parts(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run") as monitor:
        accumulating(net, optimizer, monitor, 2)
    steps = read_recording(tmp_path / "run").tables["steps"]
    torch.manual_seed(0)
    assert len(steps["loss"]) == 2
    assert 0.2 < steps["loss"].min() <= steps["loss"].max() < 2


def test_several_optimizers_are_one_training_and_parameters_keep_the_models_names(tmp_path):
    net = model()
    body = torch.optim.SGD(net[0].parameters(), 0.1)
    head = torch.optim.Adam([{"params": net[4].weight}, {"params": [net[4].bias], "lr": 0.002}], 0.01)
    with Monitor(net, [body, head], tmp_path / "run", every=1) as monitor:
        for t in range(3):
            net.zero_grad()
            loss = loss_at(net, t)
            loss.backward()
            body.step()
            head.step()
            head.step()  # as a critic may
            monitor.step(loss)
    recording = read_recording(tmp_path / "run")
    steps, layers = recording.tables["steps"], recording.tables["layers"]
    assert [steps[f"lr/{i}"][0] for i in range(3)] == [0.1, 0.01, 0.002]
    assert recording.facts["layers"] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    assert recording.facts["optimizers"] == ["SGD", "Adam"]
    total = np.sqrt(sum(layers[f"gradient_norm/{name}"] ** 2 for name in recording.facts["layers"]))
    np.testing.assert_allclose(layers["gradient_norm"], total)
    np.testing.assert_allclose(steps["gradient_norm"], total, rtol=1e-6)


def test_a_parameter_without_gradient_has_no_numbers_and_harms_none(tmp_path):
    net = model()
    spare = nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([*net.parameters(), spare], 0.1, momentum=0.9)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        plain(net, optimizer, monitor, 3)
    layers = read_recording(tmp_path / "run").tables["layers"]
    assert np.isnan(layers["update_ratio/optimizer0.group0.6"]).all()
    assert np.isfinite(layers["update_ratio"]).all()


def test_groups_that_are_added_while_it_watches_are_seen(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net[0].parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        plain(net, optimizer, monitor, 2)
        optimizer.add_param_group({"params": net[4].parameters(), "lr": 0.01})
        plain(net, optimizer, monitor, 2)
    recording = read_recording(tmp_path / "run")
    added = recording.tables["layers"]["update_norm/4.weight"]
    assert np.isnan(added[:2]).all()
    assert (added[2:] > 0).all()


def test_sparse_and_half_precision_gradients_are_measured(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Linear(4, 1).bfloat16())
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            loss = net[1](net[0](torch.tensor([1, 2, 2])).bfloat16()).square().mean()
            loss.backward()
            dense = net[0].weight.grad.to_dense().norm().item()
            optimizer.step()
            monitor.step(loss)
    layers = read_recording(tmp_path / "run").tables["layers"]
    assert layers["gradient_norm/0.weight"][-1] == pytest.approx(dense, rel=1e-5)
    assert np.isfinite(layers["update_norm/1.weight"]).all()


def test_an_error_in_the_loop_is_the_reason_why_the_recording_stops_and_goes_on_up(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def fail():
        with Monitor(net, optimizer, tmp_path / "run") as monitor:
            plain(net, optimizer, monitor, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    outcome = read_recording(tmp_path / "run").outcome
    assert (outcome.ending, outcome.step, outcome.reason) == (Ending.STOPPED, 2, "ZeroDivisionError")


def test_a_recording_goes_on_at_the_checkpoint_and_replaces_what_came_after_it(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run") as monitor:
        for t in range(5):
            optimizer.step()
            monitor.step(float(t))
    with Monitor(net, optimizer, tmp_path / "run", first_step=3) as monitor:
        for t in range(3):
            optimizer.step()
            monitor.step(10.0 + t)
    recording = read_recording(tmp_path / "run")
    assert recording.tables["steps"]["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert recording.tables["steps"]["loss"].tolist() == [0, 1, 2, 10, 11, 12]
    assert recording.outcome.step == 6


def test_a_full_disk_ends_the_recording_with_a_warning_and_not_the_training(tmp_path, monkeypatch):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    monitor = Monitor(net, optimizer, tmp_path / "run")
    plain(net, optimizer, monitor, 2)

    def full(*_):
        raise StorageError("no space left on the disk: free some")

    monkeypatch.setattr(RecordingWriter, "append", full)
    with pytest.warns(UserWarning, match="stopped recording: no space left"):
        monitor.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain(net, optimizer, monitor, 2)
        monitor.close()
    assert not optimizer._optimizer_step_pre_hooks


def test_closing_leaves_no_hook_behind(tmp_path):
    net = model()
    optimizer = torch.optim.Adam(net.parameters())
    Monitor(net, optimizer, tmp_path / "run").close()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_what_cannot_be_watched_is_refused_in_one_sentence(tmp_path):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(SpecError, match=r"watches torch optimizers, got str"):
        Monitor(net, ["sgd"], tmp_path / "a")
    with pytest.raises(SpecError, match=r"budget in \(0, 1\], got 0"):
        Monitor(net, optimizer, tmp_path / "a", budget=0)
    with pytest.raises(SpecError, match=r"steps >= 1, a whole number, got -5"):
        Monitor(net, optimizer, tmp_path / "a", steps=-5)
    with pytest.raises(SpecError, match=r"one planned η for each step, got 0\.1"):
        Monitor(net, optimizer, tmp_path / "a", planned_lr=0.1)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"every >= 1, got 0"):
        Monitor(net, optimizer, tmp_path / "a", every=0)
    with pytest.raises(UserError, match=r"no recording to go on with at step 5"):
        Monitor(net, optimizer, tmp_path / "b", first_step=5)
    with Monitor(net, optimizer, tmp_path / "c") as monitor:
        with pytest.raises(SpecError, match=r"one number, got a tensor of shape \(2,\)"):
            monitor.step(torch.zeros(2))
        with pytest.raises(SpecError, match=r"a number, got 'low'"):
            monitor.log(validation_loss="low")  # type: ignore[arg-type]
        with pytest.raises(LockedError, match="close it first"):
            Monitor(net, optimizer, tmp_path / "c")
    with pytest.raises(UserError, match="holds the recording of a training already"):
        Monitor(net, optimizer, tmp_path / "c")


def test_an_optimizer_of_another_model_is_told_of(tmp_path):
    with pytest.warns(UserWarning, match="none of this model's parameters"):
        Monitor(model(), torch.optim.SGD(model().parameters(), 0.1), tmp_path / "a").close()


def test_tensorboard_gets_the_same_numbers(tmp_path):
    pytest.importorskip("tensorboardX")
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with Monitor(net, optimizer, tmp_path / "run", every=2, tensorboard=True) as monitor:
        plain(net, optimizer, monitor, 4)
        monitor.log(validation_loss=0.5)
    tables, log = read_recording(tmp_path / "run").tables, read_events(event_files(tmp_path / "run")).columns
    np.testing.assert_array_equal(log["loss"][1], tables["steps"]["loss"].astype(np.float32))
    for name in ("update_ratio/0.weight", "gradient_norm/4.bias"):
        assert log[name][0].tolist() == [0, 2]
        np.testing.assert_array_equal(log[name][1], tables["layers"][name].astype(np.float32))
    assert log["validation_loss"][0].tolist() == [4]


def test_without_a_library_for_tensorboard_nothing_is_begun(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(tensorboard, "import_module", absent)
    net = model()
    with pytest.raises(UserError, match="neither is installed: pip install tensorboardX"):
        Monitor(net, torch.optim.SGD(net.parameters(), 0.1), tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()


def test_the_pace_keeps_the_budget_whatever_a_look_costs():
    """An oracle that does not share the formula: play a training, and add up what was spent."""
    for look, least in ((0.0005, 0.00001), (0.01, 0.0001), (0.1, 0.00001)):
        pace, step = Pace(0.02), 0.01
        spent = made = 0.0
        followed = False
        for t in range(20_000):
            looked = pace.due(t)
            own = look if looked else look / 4 if followed else least
            pace.stepped(step + own, own, looked=looked, followed=followed and not looked)
            if t > 2_000:
                spent, made = spent + own, made + step
            followed = looked
        assert 0.004 < spent / made <= 0.0205, look


def test_the_gradients_length_is_weighed_by_what_it_costs_where_no_look_has_just_read_the_gradient():
    """The same reading takes 0.05 ms of a step of 10 ms beside a look and 0.3 ms alone: too much for half of 2 %."""
    pace = Pace(0.02)
    for t in range(400):
        looked = pace.due(t)
        norm = (0.00005 if looked else 0.0003) if pace.norms else 0.0
        own = norm + (0.002 if looked else 0.00002)
        pace.stepped(0.01 + own, own, norm, looked=looked)
    assert not pace.norms
