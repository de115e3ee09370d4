"""The monitor's readings: inside the model, along its updates, of its valley, of its noise; nothing of a training changes."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Fault
from etude.core.errors import SpecError
from etude.integrations.monitor import Monitor
from etude.integrations.monitor.cadence import CREDIT_SECONDS, Cadence
from etude.report.catalogue import say
from etude.storage.recording import read_recording
from etude.studies.diagnosis.answer import Diagnosed
from etude.studies.diagnosis.readings import beside, merged_readings
from etude.training.probes.depth import depth_profile
from etude.training.probes.units import count_units


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.GRU(6, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(torch.tanh(self.cells(x)[0][:, -1]))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(24, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))


def cnn() -> nn.Module:
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(32, 2)
    return nn.Sequential(*layers)


MODELS = {"mlp": (mlp, (24,)), "cnn": (cnn, (1, 4, 6)), "gru": (Recurrent, (4, 6))}
RULES = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, 0.01),
}


def batch(step: int, shape: tuple[int, ...], size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(size, *shape, generator=draw), torch.randint(0, 2, (size,), generator=draw)


def trained(make, shape, rule, parts: int, half: bool, out: Path | None, steps: int = 18) -> list[torch.Tensor]:
    torch.manual_seed(3)
    net = make()
    optimizer = rule(net.parameters())
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    x, y = batch(999, shape)
    monitor = None
    if out is not None:

        def probe():
            np.random.rand()
            return functional.cross_entropy(net(x), y) + 0 * torch.rand(())

        monitor = Monitor(net, optimizer, out, every=1, batch_size=64 * parts, probe=probe)
    for t in range(steps):
        optimizer.zero_grad()
        for part in range(parts):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                data = batch(parts * t + part, shape)
                loss = functional.cross_entropy(net(data[0]), data[1])
            scaler.scale(loss / parts).backward()
            if monitor is not None:
                monitor.loss(loss)
        scaler.step(optimizer)
        scaler.update()
        if monitor is not None:
            monitor.step()
    if monitor is not None:
        monitor.close()
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    return [
        *net.state_dict().values(),
        *(p.grad for p in net.parameters()),
        torch.rand(4),
        torch.tensor(np.random.rand()),
    ]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("name", "parts", "half"), [("mlp", 2, False), ("cnn", 1, False), ("cnn", 2, True), ("gru", 1, False)]
)
def test_with_everything_on_the_training_is_the_same_to_the_bit(name, parts, half, rule, tmp_path):
    make, shape = MODELS[name]
    np.random.seed(5)
    bare = trained(make, shape, RULES[rule], parts, half, None)
    np.random.seed(5)
    watched = trained(make, shape, RULES[rule], parts, half, tmp_path / "run")
    assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(bare, watched, strict=True))
    found = merged_readings(read_recording(tmp_path / "run").tables["readings"])
    assert found is not None
    wanted = {"probe_slope", "probe_curvature"} | {
        name for name in found if name.startswith(("activation_rms", "delta_rms"))
    }
    wanted |= {"sharpness"} if not half else set()
    wanted |= {"preconditioned_sharpness"} if rule == "adam" and not half else set()
    wanted |= {"noise_trace", "noise_square"} if parts > 1 else set()
    for column in wanted:
        assert np.isfinite(found[column]).any(), column
    assert any(name.startswith("dead/") and np.isfinite(found[name]).any() for name in found)


def test_units_and_depth_are_those_of_the_probes_on_the_same_examples(tmp_path):
    """At η = 0 sixteen batches are one large one; the depth is that of the first."""
    torch.manual_seed(0)
    net = mlp().double()
    with torch.no_grad():
        net[0].bias[:3] = -30.0
        net[2].weight[:2] *= 40.0
    optimizer = torch.optim.SGD(net.parameters(), 0.0)
    data = [batch(t, (24,)) for t in range(16)]
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        for x, y in data:
            optimizer.zero_grad()
            with torch.no_grad():
                net(100 * x.double())  # an evaluation is no pass of the training
            loss = functional.cross_entropy(net(x.double()), y)
            loss.backward()
            optimizer.step()
            monitor.step(loss)
    found = merged_readings(read_recording(tmp_path / "run").tables["readings"])
    assert found is not None
    assert found["step"].tolist() == [0.0]
    units = count_units(net, lambda: net(torch.cat([x for x, _ in data]).double()))
    assert found["dead/1"][0] == units["1"].dead >= 3 / 8
    assert found["saturated/3"][0] == pytest.approx(units["3"].saturated, rel=1e-12)
    assert 0 < units["3"].saturated < 1
    x, y = data[0]
    profile = depth_profile(net, lambda: functional.cross_entropy(net(x.double()), y))
    for i, layer in enumerate(profile.layers):
        assert found[f"activation_rms/{layer}"][0] == pytest.approx(profile.activations[i], rel=1e-12)
        assert found[f"delta_rms/{layer}"][0] == pytest.approx(profile.deltas[i], rel=1e-12)
    assert found["delta_slope"][0] == pytest.approx(profile.delta_growth.rate, rel=1e-12)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_the_line_and_the_sharpness_are_those_of_a_quadratic(rule, tmp_path):
    """Least squares: the slope is ∇L·u, the curvature ½uᵀHu and the sharpness an eigenvalue of H, all known."""
    torch.manual_seed(0)
    net = nn.Linear(5, 1, bias=False)
    optimizer = RULES[rule](net.parameters())
    x, y = torch.randn(40, 5), torch.randn(40, 1)
    H = 2 * x.double().T @ x.double() / 40
    weights, seconds = [], []

    def probe():
        return functional.mse_loss(net(x), y)

    with Monitor(net, optimizer, tmp_path / "run", every=1, probe=probe) as monitor:
        for t in range(17):
            optimizer.zero_grad()
            loss = functional.mse_loss(net(x[t::2]), y[t::2])
            loss.backward()
            weights.append(net.weight.detach().double().clone())
            optimizer.step()
            if rule == "adam" and t == 0:
                seconds.append(optimizer.state[net.weight]["exp_avg_sq"].double().clone())
            monitor.step(loss)
    weights.append(net.weight.detach().double().clone())
    found = merged_readings(read_recording(tmp_path / "run").tables["readings"])
    assert found is not None
    for t in (0, 16):
        w, u = weights[t][0], (weights[t + 1] - weights[t])[0]
        g = 2 * x.double().T @ (x.double() @ w - y.double()[:, 0]) / 40
        row = int(np.flatnonzero(found["step"] == t)[0])
        assert found["probe_slope"][row] == pytest.approx(float(g @ u), rel=1e-4)
        assert found["probe_curvature"][row] == pytest.approx(float(u @ H @ u) / 2, rel=1e-4)
    assert found["sharpness"][found["step"] == 1][0] == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]), rel=1e-2)
    if rule == "adam":
        P = (seconds[0][0] / (1 - 0.999)).sqrt() + 1e-8
        expected = torch.linalg.eigvalsh(H / (P[:, None] * P).sqrt())[-1]
        assert found["preconditioned_sharpness"][found["step"] == 1][0] == pytest.approx(float(expected), rel=1e-2)


@pytest.mark.parametrize("scale", [1.0, 2.0**12])
def test_the_noise_is_that_of_the_first_part_against_the_whole(scale, tmp_path):
    torch.manual_seed(0)
    net = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    lengths = []
    with Monitor(net, optimizer, tmp_path / "run", every=1, batch_size=32) as monitor:
        for part in range(4):
            x, y = batch(part, (6,), 8)
            loss = functional.cross_entropy(net(x), y)
            scaler.scale(loss / 4).backward()
            monitor.loss(loss)
            lengths.append(torch.cat([p.grad.flatten() for p in net.parameters()]).norm().item() / scale)
        scaler.step(optimizer)
        monitor.step()
    found = read_recording(tmp_path / "run").tables["readings"]
    small, big = (4 * lengths[0]) ** 2, lengths[-1] ** 2
    assert found["noise_trace"][0] == pytest.approx((small - big) / (1 / 8 - 1 / 32), rel=1e-4)
    assert found["noise_square"][0] == pytest.approx((32 * big - 8 * small) / 24, rel=1e-4)


def test_a_probe_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path):
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    numbers = itertools.count(1)
    with pytest.raises(SpecError, match="same loss at the same weights, got 1 and 2"):
        Monitor(net, optimizer, tmp_path / "a", probe=lambda: torch.tensor(float(next(numbers))))
    with pytest.raises(SpecError, match=r"one number, got a tensor of shape \(3, 2\)"):
        Monitor(net, optimizer, tmp_path / "a", probe=lambda: net(torch.ones(3, 24)))
    extra = torch.optim.SGD([net[0].weight, torch.zeros(1, requires_grad=True)], 0.1)
    with pytest.raises(SpecError, match=r"got optimizer0\.group0\.1 beside it"):
        Monitor(net, extra, tmp_path / "a", probe=lambda: net(torch.ones(1, 24)).sum())
    assert not (tmp_path / "a").exists()


def test_what_fails_while_it_is_read_ends_the_reading_and_not_the_training(tmp_path):
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    broken = []

    def probe():
        if broken:
            raise ZeroDivisionError("no batch")
        return net(torch.ones(2, 3)).square().mean()

    monitor = Monitor(net, optimizer, tmp_path / "run", every=1, probe=probe)
    broken.append(True)
    with pytest.warns(UserWarning, match="could not read its probe: no batch"):
        train(net, optimizer, monitor, 1, 3)
    train(net, optimizer, monitor, 20, 3)
    monitor.close()
    tables = read_recording(tmp_path / "run").tables
    assert len(tables["steps"]["loss"]) == 21
    assert "probe_slope" not in tables["readings"]


def train(net, optimizer, monitor, steps, features):
    for t in range(steps):
        optimizer.zero_grad()
        loss = net(torch.ones(2, features) * (t + 1)).square().mean()
        loss.backward()
        optimizer.step()
        monitor.step(loss)


class CallsCompiled(nn.Module):
    """Is not compiled, and calls a function that is; a listener around that would raise an error (fullgraph)."""

    def __init__(self, compiler) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(3, 3), nn.Linear(3, 1)
        self.middle = compiler(lambda x: x.sin().relu())

    def forward(self, x):
        return self.head(self.middle(self.first(x)))


@pytest.mark.filterwarnings("ignore")
def test_of_compiled_code_it_says_that_it_sees_nothing_and_has_nothing_compiled_again(tmp_path):
    """Whichever it was given, what was compiled or what that was made of, before it ran or after."""
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    def compiler(function):
        return torch.compile(function, backend=backend, fullgraph=True)

    def cases():
        net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
        compiled = compiler(net)
        yield net, compiled, compiled  # not run so far
        yield net, compiled, net
        yield net, compiled, net
        calls = CallsCompiled(compiler)
        yield calls, calls, calls
        inner = mlp()
        yield inner, compiler(lambda x: inner(x)), inner

    for i, (net, call, given) in enumerate(cases()):
        graphs.clear()
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        with Monitor(given, optimizer, tmp_path / str(i), every=1) as monitor:
            train(call, optimizer, monitor, 20, next(net.parameters()).shape[1])
        tables = read_recording(tmp_path / str(i)).tables
        assert "readings" not in tables
        assert tables["pace"]["compiled"][-1] == 1
        assert len(graphs) == (0 if i in (1, 2) else 1)
        assert not any(part._forward_pre_hooks for part in net.modules())
    assert "torch.compile" in " ".join(map(say, Diagnosed(tmp_path / "0").training.rests_on))


@pytest.mark.filterwarnings("ignore")
def test_what_else_was_compiled_hides_nothing_of_a_model_that_is_not(tmp_path):
    torch.compile(nn.Linear(3, 1), backend="eager")(torch.ones(2, 3))
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with Monitor(net, optimizer, tmp_path / "run", every=1) as monitor:
        train(net, optimizer, monitor, 20, 3)
    tables = read_recording(tmp_path / "run").tables
    assert tables["readings"]["step"][0] == 1  # at the step before, it was watched for what is compiled
    assert "activation_rms/2" in tables["readings"]
    assert sys.getprofile() is None


def test_the_cadence_is_paid_for_whatever_a_reading_costs():
    """Play trainings of 20 000 steps: what was spent beyond the credit is at most the share."""
    for cost in (0.001, 0.02, 0.3):
        cadence, step = Cadence(0.02, 0.25), 0.01
        for t in range(20_000):
            if cadence.due(t, t * step, cadence.cost or 0.0):
                cadence.took(cost, t)
        allowed = 0.02 * 0.25 * 20_000 * step + 0.25 * CREDIT_SECONDS
        assert cadence.spent <= allowed + cost, cost
        assert cadence.spent > 0.5 * allowed - cost, cost


def test_readings_and_evaluations_come_together_without_a_gap_that_a_rule_would_take_for_the_end():
    readings = {"step": np.array([0.0, 5, 5, 38]), "dead/1": np.array([0.1, np.nan, 0.2, np.nan])}
    readings["probe_slope"] = np.array([np.nan, -1.0, np.nan, -2.0])
    table = merged_readings(readings)
    assert table is not None
    own = {"step": np.arange(10.0, 41, 5), "validation_loss": np.arange(7.0)}
    loss = np.linspace(2, 1, 40)
    found = beside(own, table, {"loss": loss})
    assert found["step"].tolist() == [0, 5, *range(10, 41, 5)]
    assert found["dead/1"].tolist() == [0.1] + [0.2] * 8
    assert found["validation_loss"].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert found["probe_slope"][found["step"] == 35] == -2.0
    assert found["train_loss"][0] == 2.0
    alone = beside({}, table, {"loss": loss})
    assert alone["step"].tolist() == [0, 5, 38]
    assert alone["train_loss"][0] == 2.0
    assert np.isnan(alone["train_loss"][1:]).all()


def watched(out: Path, lr: float, size: int, shock: float = 1.0, probe: bool = True) -> Diagnosed:
    """400 steps on four classes of 20 features; η is higher by a factor from step 120 to 139."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4096, 20, generator=draw)
    y = (x @ torch.randn(20, 4, generator=draw)).argmax(1)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.SGD(net.parameters(), lr)

    def held():
        return functional.cross_entropy(net(x[:512]), y[:512])

    facts = {"steps": 400, "batch_size": size, "examples": 4096, "chance_loss": float(np.log(4))}
    with Monitor(net, optimizer, out, every=1, probe=held if probe else None, **facts) as monitor:
        for t in range(400):
            optimizer.param_groups[0]["lr"] = lr * (shock if 120 <= t < 140 else 1.0)
            some = torch.randint(0, 4096, (size,), generator=torch.Generator().manual_seed(t))
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x[some]), y[some])
            loss.backward()
            optimizer.step()
            monitor.step(loss)
    return Diagnosed(out)


def test_a_noisy_training_is_seen_to_be_too_slow_by_its_line_probes(tmp_path):
    """With two examples a step gradients agree with nothing; without probes the verdict is a guess from sizes."""
    answer, without = (watched(tmp_path / str(p), 3e-4, 2, probe=p) for p in (True, False))
    q = Evidence(answer.training.record).q
    assert q is not None
    assert q[1][1] < 0.1
    first, guess = answer.diagnoses[0], without.diagnoses[0]
    assert (first.fault, first.confidence) == (Fault.TOO_LOW, Confidence.LIKELY)
    assert first.remedy is not None
    assert first.remedy.lr_factor is not None
    assert first.remedy.lr_factor >= 10
    assert (guess.fault, guess.confidence) == (Fault.TOO_LOW, Confidence.POSSIBLE)


def test_units_that_die_are_named_with_the_step_at_which_they_were_found_dead(tmp_path):
    answer = watched(tmp_path / "run", 0.1, 64, shock=100.0, probe=False)
    verdicts = {verdict.fault: verdict for verdict in answer.diagnoses}
    dead = verdicts[Fault.DEAD_UNITS]
    assert dead.began is not None
    assert 120 < dead.began <= 144
    assert dead.estimate is not None
    assert dead.estimate > 0.75
    assert answer.diagnoses[0].fault in (Fault.DIVERGING, Fault.TOO_HIGH)
    assert any(message.key == "monitor.rests.readings" for message in answer.training.rests_on)
