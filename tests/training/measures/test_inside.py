"""Measures that look inside a training: they change no bit of it, and say what the pure functions say of the model alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.errors import SpecError
from etude.core.measure import AtEnd, Measure, Point
from etude.core.record import from_plain, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.schedules.constant import Constant
from etude.tasks.models import RowGRU, cnn, mlp
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import Lanes, start_lanes
from etude.training.measures.angular import AngularUpdate, ScaleInvariance
from etude.training.measures.curvature import LineProbe, PreconditionedSharpness
from etude.training.measures.depth import DepthProfile
from etude.training.measures.noise_scale import NoiseScale
from etude.training.measures.recurrent import HiddenGradients
from etude.training.measures.units import UnitCosine, Units
from etude.training.points import point_of
from etude.training.probes.curvature import line_probe, model_sharpness
from etude.training.probes.depth import depth_profile
from etude.training.probes.noise_scale import gradient_noise
from etude.training.probes.recurrent import hidden_gradients
from etude.training.probes.units import count_units
from etude.training.rules import SGD, Adam
from etude.training.train import train

STEPS = 8
ALL: tuple[Measure, ...] = (
    LineProbe(examples=12),
    PreconditionedSharpness(examples=6),
    NoiseScale(examples=8),
    Units(examples=12),
    UnitCosine(examples=12),
    DepthProfile(examples=12),
    HiddenGradients(examples=12, times=True),
    AngularUpdate(),
    AtEnd(ScaleInvariance(examples=12)),
)
MODELS: dict[str, tuple[Callable[[], nn.Module], Engine]] = {
    "mlp": (lambda: mlp(64, (16, 12), 10, "tanh"), Engine.STACK),
    "cnn-bn": (lambda: cnn(1, 8, 10, batch_norm=True), Engine.STACK),
    "gru": (lambda: RowGRU(1, 8, 12, 10), Engine.LOOP),
    "dropout": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 10)),
        Engine.LOOP,
    ),
}


def task(model: str, dtype: torch.dtype = torch.float32) -> Task:
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    y = x.flatten(1)[:, :10].argmax(1)
    return Task(model, MODELS[model][0], train=(x[:48], y[:48]), validation=(x[48:], y[48:])).to(dtype=dtype)


def spec(lr: float, measures: tuple[Measure, ...] = (), rule: Adam | SGD | None = None) -> RunSpec:
    return RunSpec(
        task=TaskRef("small", "0"),
        rule=rule or Adam(),
        schedule=Constant(STEPS),
        peak_lr=lr,
        steps=STEPS,
        batch_size=16,
        seed=3,
        evaluate_every=4,
        measures=measures,
    )


def trained(own: Task, specs: list[RunSpec]) -> tuple[Lanes, list[dict[str, np.ndarray]]]:
    lanes = start_lanes(specs, own)
    gradients = make_gradients(own, 3, MODELS[own.name][1])
    for _ in train(lanes, gradients, own):
        pass
    return lanes, [trace.evaluations | trace.per_step | trace.final for trace in finish(lanes, gradients, own)]


@contextmanager
def same_random_numbers() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("model", MODELS)
def test_a_run_with_all_of_them_trains_to_the_same_bits_as_one_without(model: str) -> None:
    own, lrs = task(model), (0.01, 1e30, 0.1)
    plain, _ = trained(own, [spec(lr) for lr in lrs])
    with same_random_numbers():
        measured, traces = trained(own, [spec(lr, ALL) for lr in lrs])
    assert torch.equal(plain.losses.nan_to_num(), measured.losses.nan_to_num())
    for name, p in (plain.params | plain.buffers).items():
        assert torch.equal(p.nan_to_num(), (measured.params | measured.buffers)[name].nan_to_num()), name
    assert np.isfinite(traces[0]["probe_curvature"]).all()
    assert (traces[0]["noise_trace"] > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_lane_measures_the_same_bits_alone(model: str) -> None:
    own = task(model)
    _, together = trained(own, [spec(lr, ALL) for lr in (0.01, 0.1)])
    _, alone = trained(own, [spec(0.1, ALL)])
    assert together[1].keys() == alone[0].keys()
    for name, column in alone[0].items():
        np.testing.assert_array_equal(together[1][name], column, err_msg=name)


def at_some_point(own: Task, rule: Adam | SGD | None = None) -> tuple[Lanes, Point, nn.Module]:
    """A point of two lanes, and the model of the second."""
    lanes, _ = trained(own, [spec(0.01, rule=rule), spec(0.03, rule=rule)])
    model = own.init(3)
    model.load_state_dict({n: t[1] for n, t in (lanes.params | lanes.buffers).items()})
    return lanes, point_of(lanes, make_gradients(own, 3, MODELS[own.name][1]), own), model


def test_the_line_probe_looks_along_the_update_that_torch_would_make() -> None:
    own = task("cnn-bn", torch.float64)
    _, point, model = at_some_point(own, SGD())
    found = LineProbe(examples=24).at_point(point)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    buffers = {n: b.clone() for n, b in model.named_buffers()}
    x, y = own.batch(3, STEPS, 16)
    own.loss(model(x), y).backward()
    torch.optim.SGD(model.parameters(), 0.03).step()
    after = {n: p.detach().clone() for n, p in model.named_parameters()}
    model.load_state_dict(before | buffers)
    px, py = own.examples("train", 24)
    line = line_probe(model, lambda: own.loss(model(px), py), before, after)
    assert found["probe_loss"][1] == pytest.approx(line.loss, rel=1e-9)
    assert found["probe_slope"][1] == pytest.approx(line.slope, rel=1e-7)
    assert found["probe_curvature"][1] == pytest.approx(line.curvature, rel=1e-5)


def test_a_float32_model_is_probed_in_float64_unless_it_insists() -> None:
    _, point, _ = at_some_point(task("mlp"))
    assert float(LineProbe(examples=24).at_point(point)["probe_resolution"][1]) < 1e-13

    def insisting(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(output, target, weight=torch.ones(10))

    x, y = task("mlp").train
    own = Task("mlp", MODELS["mlp"][0], train=(x, y), validation=(x, y), loss=insisting, classification=True)
    _, point, _ = at_some_point(own)
    found = LineProbe(examples=24).at_point(point)
    assert 1e-8 < float(found["probe_resolution"][1]) < 1e-4
    assert bool(found["probe_slope"].isfinite().all())


def test_preconditioned_sharpness_is_that_of_adams_own_denominator() -> None:
    own = task("mlp", torch.float64)
    lanes, point, model = at_some_point(own)
    found = PreconditionedSharpness(examples=24).at_point(point)
    x, y = own.examples("train", 24)
    P = {n: (lanes.state[n]["second"][1] / (1 - 0.999**STEPS)).sqrt() + 1e-8 for n, _ in model.named_parameters()}
    value, _ = model_sharpness(model, lambda: own.loss(model(x), y), P)
    assert found["preconditioned_sharpness"][1] == pytest.approx(value, rel=1e-6)
    _, traces = trained(own, [spec(0.01, (PreconditionedSharpness(examples=24),))])
    assert np.isnan(traces[0]["preconditioned_sharpness"]).tolist() == [True, False, False]


def test_without_a_preconditioner_it_is_the_plain_sharpness() -> None:
    own = task("mlp", torch.float64)
    _, point, model = at_some_point(own, SGD(momentum=0.9))
    x, y = own.examples("train", 24)
    value, _ = model_sharpness(model, lambda: own.loss(model(x), y))
    found = PreconditionedSharpness(examples=24).at_point(point)
    assert found["preconditioned_sharpness"][1] == pytest.approx(value, rel=1e-3)
    still = replace(point, lr=0 * point.lr, rates={name: 0 * rate for name, rate in point.rates.items()})
    assert bool(PreconditionedSharpness(examples=24).at_point(still)["preconditioned_sharpness"].isnan().all())


def test_the_others_say_what_the_pure_functions_say() -> None:
    own = task("gru", torch.float64)
    _, point, model = at_some_point(own)
    x, y = own.examples("train", 24)

    def loss() -> torch.Tensor:
        return own.loss(model(x), y)

    noise = gradient_noise(model, own.loss, *own.batch(3, STEPS, 32))
    assert NoiseScale(examples=32).at_point(point)["noise_trace"][1] == pytest.approx(noise.trace, rel=1e-9)
    profile = depth_profile(model, loss)
    found = DepthProfile(examples=24).at_point(point)
    assert found["activation_rms/head"][1] == pytest.approx(profile.activations[0], rel=1e-9)
    through = hidden_gradients(model, loss)["gru"]
    found = HiddenGradients(examples=24, times=True).at_point(point)
    assert found["hidden_gradient/slope"][1] == pytest.approx(through.growth.rate, rel=1e-9)
    assert [float(found[f"hidden_gradient/gru/{t}"][1]) for t in range(8)] == pytest.approx(through.norms, rel=1e-9)


def test_units_and_cosines_have_a_column_for_every_layer() -> None:
    own = task("mlp")
    _, point, model = at_some_point(own)
    layers = count_units(model, lambda: model(own.examples("train", 40)[0]))
    found = Units(examples=40).at_point(point)
    assert list(found) == ["dead/2", "dead/4", "saturated/2", "saturated/4"]
    assert [float(found[f"saturated/{n}"][1]) for n in layers] == pytest.approx([u.saturated for u in layers.values()])
    assert list(UnitCosine().at_point(point)) == [f"unit_cosine/{i}.weight" for i in (1, 3, 5)]


def test_angles_are_those_between_successive_weights() -> None:
    own = task("cnn-bn")
    _, traces = trained(own, [spec(0.01, (AngularUpdate(), AtEnd(ScaleInvariance(examples=24))))])
    weight = own.init(3).get_parameter("0.weight").detach()
    lanes = start_lanes([spec(0.01)], own)
    for _ in train(lanes, make_gradients(own, 3, Engine.STACK), own):
        break
    assert traces[0]["angular_update/0.weight"].shape == (STEPS,)
    total = (
        torch.cosine_similarity(weight.double().flatten(), lanes.params["0.weight"][0].double().flatten(), dim=0)
        .acos()
        .item()
    )
    assert total <= traces[0]["angular_update/0.weight"][: lanes.step].sum() + 1e-6
    invariant = {name.rpartition("/")[2]: value for name, value in traces[0].items() if name.startswith("scale")}
    assert invariant == {"0.weight": 1, "4.weight": 1, "9.weight": 0}


def test_a_model_without_recurrence_has_the_columns_too() -> None:
    _, point, _ = at_some_point(task("mlp"))
    assert bool(HiddenGradients().at_point(point)["hidden_gradient/slope"].isnan().all())


def test_they_are_records() -> None:
    for measure in ALL:
        assert from_plain(to_plain(measure)) == measure


@pytest.mark.parametrize(
    "make",
    [LineProbe, PreconditionedSharpness, NoiseScale, Units, UnitCosine, DepthProfile, HiddenGradients, ScaleInvariance],
)
def test_no_examples_are_refused(make: Callable[..., Measure]) -> None:
    with pytest.raises(SpecError, match=r"needs examples >= \d, got 0: \d+ is usual"):
        make(examples=0)


def test_a_batch_that_leaves_no_second_one_is_refused() -> None:
    with pytest.raises(SpecError, match="needs batch in 1 … 16, got 17"):
        NoiseScale(examples=32, batch=17)
