"""The description of one run: what it refuses, and its hash."""

import math
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from etude.core.errors import SpecError
from etude.core.measure import AtEnd
from etude.core.record import from_plain, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.schedules import Constant, Cosine, chain, warmup
from etude.training.controllers import Plateau
from etude.training.measures import Sharpness

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
        "evaluate_every", "measures", "controller", "scheduled",
    }  # fmt: skip


def test_the_hash_is_the_stored_one_so_old_studies_resume() -> None:
    assert SPEC.hash == "30bfe749a269459d"


def test_the_hash_does_not_depend_on_the_process() -> None:
    script = f"import runpy; print(runpy.run_path({str(Path(__file__))!r})['SPEC'].hash)"
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12345"}
    )
    assert other.stdout.strip() == SPEC.hash
