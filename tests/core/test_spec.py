"""The description of one run: what it refuses, and its hash."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from etude.core.errors import SpecError
from etude.core.measure import AtEnd
from etude.core.record import from_plain, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.schedules import Constant, Cosine, Linear, chain, warmup
from etude.training.controllers import Plateau
from etude.training.measures import GradientNorm, Sharpness
from etude.training.rules import SGD, ScheduleFreeSGD

SPEC = RunSpec(
    task=TaskRef("digits", "0123456789abcdef"),
    rule=Constant(1),  # a spec only stores its rule, so any record serves
    schedule=chain(warmup(10), Cosine(1.0, 0.0, 90)),
    peak_lr=0.1,
    steps=100,
    batch_size=64,
    seed=0,
    group_scales=(("0.*", 0.5),),
)
FULL = Constant(100)


@dataclass(frozen=True)
class Reader:
    """A controller that does nothing but name what it reads."""

    reads: tuple[str, ...]

    def init(self, peak_lr):
        return {"multiplier": peak_lr}

    def update(self, state, _reading):
        return state["multiplier"], state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak_lr": 0.0}, "learning rate must be positive and finite, got 0.0: pass --lr LOW:HIGH:N"),
        ({"peak_lr": -0.1}, "got -0.1"),
        ({"peak_lr": math.nan}, "got nan"),
        ({"peak_lr": math.inf}, "got inf"),
        ({"steps": 0}, "needs steps >= 1, got 0: pass a positive whole number"),
        ({"batch_size": 0}, "needs batch_size >= 1, got 0"),
        ({"batch_size": -4}, "needs batch_size >= 1, got -4"),
        ({"evaluate_every": 0}, "needs evaluate_every >= 1, got 0"),
        ({"steps": 99}, "the schedule is 100 steps long but the run has 99: make them equal"),
        ({"clip_norm": 0.0}, "needs clip_norm > 0, got 0.0: leave it out"),
        ({"clip_norm": math.nan}, "needs clip_norm > 0, got nan"),
        ({"clip_value": -1.0}, "needs clip_value > 0, got -1.0: leave it out"),
        ({"clip_norm": 1, "clip_value": 2}, "got both clip_norm = 1.0 and clip_value = 2.0: pass one of them"),
        ({"measures": ("sharpness",)}, "cannot measure 'sharpness': pass records such as"),
        (
            {"controller": Reader(())},
            "a controller reads loss, .* at steps, or other columns at evaluations, got nothing",
        ),
        ({"controller": Reader(("loss", "train_loss"))}, "got loss, train_loss: let it read one kind"),
        ({"rule": SGD(), "scheduled": (("beta1", FULL),)}, "'beta1': SGD takes momentum, weight_decay, batch_size"),
        (
            {"rule": ScheduleFreeSGD(), "scheduled": (("beta", FULL),)},
            "'beta': ScheduleFreeSGD takes weight_decay, batch",
        ),
        ({"rule": SGD(), "scheduled": (("nesterov", FULL),)}, "cannot schedule 'nesterov'"),
        (
            {"rule": SGD(momentum=0.9), "scheduled": (("momentum", Linear(1, 1.2, 100)),)},
            "needs 0 <= momentum < 1, got 1.07",
        ),
        ({"scheduled": (("batch_size", FULL), ("batch_size", FULL))}, "batch_size is scheduled 2 times"),
        (
            {"scheduled": (("batch_size", Constant(99)),)},
            "the schedule of batch_size is 99 steps long but the run has 100",
        ),
        ({"scheduled": (("batch_size", Linear(0.5, 0, 100)),)}, "comes down to 0.32 examples"),
        ({"group_scales": (("a.*", -1.0),)}, r"needs group scales >= 0 and finite, got -1.0 for 'a\.\*'"),
        ({"group_scales": (("a.*", math.inf),)}, "group scales >= 0 and finite, got inf"),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_sentence(change, message) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        replace(SPEC, **change)
    assert "\n" not in str(caught.value)


def test_equal_specs_have_equal_hashes() -> None:
    assert replace(SPEC) is not SPEC
    assert replace(SPEC).hash == SPEC.hash
    assert from_plain(to_plain(SPEC)) == SPEC
    assert from_plain(to_plain(SPEC)).hash == SPEC.hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"peak_lr": 1}, {"peak_lr": 1.0}),
        ({"clip_norm": 1}, {"clip_norm": 1.0}),
        ({"clip_value": 1}, {"clip_value": 1.0}),
        ({"group_scales": [("a", 1)]}, {"group_scales": (("a", 1.0),)}),
    ],
)
def test_a_number_hashes_the_same_however_it_was_written(one, other) -> None:
    assert replace(SPEC, **one) == replace(SPEC, **other)
    assert replace(SPEC, **one).hash == replace(SPEC, **other).hash


@pytest.mark.parametrize(
    "change",
    [
        {"task": TaskRef("digits", "fedcba9876543210")},
        {"rule": Constant(2)},
        {"schedule": Constant(100)},
        {"peak_lr": math.nextafter(0.1, 1)},
        {"steps": 50, "schedule": Constant(50)},
        {"batch_size": 65},
        {"seed": 1},
        {"clip_norm": 1.0},
        {"clip_value": 1.0},
        {"group_scales": ()},
        {"evaluate_every": 2},
        {"measures": (AtEnd(Sharpness()),)},
        {"controller": Plateau()},
        {"scheduled": (("batch_size", Constant(100)),)},
    ],
)
def test_any_other_field_is_another_hash(change) -> None:
    assert replace(SPEC, **change).hash != SPEC.hash


def test_every_field_is_covered_by_the_test_above() -> None:
    assert {f.name for f in fields(RunSpec)} == {
        "task", "rule", "schedule", "peak_lr", "steps", "batch_size", "seed", "clip_norm", "group_scales",
        "evaluate_every", "measures", "controller", "scheduled", "clip_value",
    }  # fmt: skip


def test_a_steered_measured_and_scheduled_spec_comes_back_without_torch() -> None:
    changes = {
        "rule": SGD(momentum=0.9),
        "controller": Plateau(),
        "measures": (GradientNorm(layers=True), AtEnd(Sharpness())),
        "scheduled": (("momentum", chain(warmup(10), Constant(90))), ("batch_size", FULL)),
    }
    spec = replace(SPEC, **changes)
    plain = json.dumps(to_plain(spec))
    assert from_plain(json.loads(plain)) == spec
    script = f"""
import json, sys
from etude.core.record import from_plain
print(from_plain(json.loads({plain!r})).hash, "torch" in sys.modules)
"""
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [spec.hash, "False"]


def test_hyperparameters_of_a_step_are_their_own_values_times_the_schedule() -> None:
    scheduled = (("momentum", Linear(1.0, 0.0, 100)), ("batch_size", Linear(0.5, 1.0, 100)))
    spec = replace(SPEC, rule=SGD(momentum=0.8, weight_decay=0.1), scheduled=scheduled)
    assert (spec.rule_at(0), spec.batch_size_at(0)) == (spec.rule, 32)
    assert (spec.rule_at(50), spec.batch_size_at(50)) == (SGD(momentum=0.4, weight_decay=0.1), 48)
    assert (SPEC.rule_at(50), SPEC.batch_size_at(50)) == (SPEC.rule, 64)


def test_the_hash_is_the_stored_one_so_old_studies_resume() -> None:
    assert SPEC.hash == "ae590fd78dc97f7a"


def test_the_hash_does_not_depend_on_the_process() -> None:
    script = f"import runpy; print(runpy.run_path({str(Path(__file__))!r})['SPEC'].hash)"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12345"}
    )
    assert other.stdout.strip() == SPEC.hash
