"""Options that reach every run: update rules, controllers, scheduled hyperparameters, lengths in epochs."""

from pathlib import Path

import numpy as np
import pytest

from etude.core.errors import DataError, SpecError
from etude.schedules.notation import parse_schedule
from etude.studies.bases import base_run
from etude.studies.spec import make_spec
from etude.studies.study import Study
from etude.training.controllers import Plateau
from etude.training.rules import Lion

OPTIONS = {"lr": "0.01:0.1:2", "seeds": 1, "steps": 24, "batch_size": 12}


@pytest.fixture
def base_of(small_task, tmp_path):
    """The run that stands for all of a study with these options."""

    def run(**options):
        study = Study(
            "convergence", task=small_task, out=tmp_path / str(len(list(tmp_path.iterdir()))), **(OPTIONS | options)
        )
        return study.run(workers=0).stored.sweep

    return run


def test_any_update_rule_trains_in_a_study(base_of):
    sweep = base_of(optimizer="lion(beta2=0.95)", weight_decay=0.1)
    assert sweep.arm.base.rule == Lion(beta2=0.95, weight_decay=0.1)
    assert sweep.table.ran.all()


def test_a_controller_steers_every_run(base_of):
    free = base_of(schedule="warmup(25%) > constant")
    steered = base_of(
        schedule="warmup(25%) > constant", controller="plateau(patience=0, metric=train_loss, threshold=0.5)"
    )
    assert steered.arm.base.controller == Plateau(patience=0, metric="train_loss", threshold=0.5)
    ends = [np.array([row[0].final["train_loss"] for row in s.table.cells[:2]]) for s in (steered, free)]
    assert (ends[0] > ends[1]).all(), "a learning rate that is cut at once trains less"


def test_hyperparameters_follow_schedules_of_their_own(base_of):
    base = base_of(schedule="onecycle", scheduled={"momentum": "points(at=0%/30%/100%, values=1/0.9/1)"}).arm.base
    assert base.rule_at(0).momentum == pytest.approx(0.9)
    assert min(base.rule_at(t).momentum for t in range(24)) == pytest.approx(0.81, abs=0.01)


def test_lengths_in_epochs_are_counted_in_batches_of_the_data(base_of):
    base = base_of(schedule="warmup(2ep) > cosine").arm.base
    assert base.schedule == parse_schedule("warmup(12) > cosine", 24), "72 examples are 6 batches of 12"


def test_a_batch_that_grows_beyond_the_data_is_refused_before_anything_trains(base_of):
    assert base_of(scheduled={"batch_size": "linear(from=1, to=6)"}).arm.base.batch_size_at(23) > 60
    with pytest.raises(DataError, match="needs batch size <= 72"):
        base_of(scheduled={"batch_size": "linear(from=1, to=9)"}, steps=30)


def test_a_hyperparameter_that_there_is_not_cannot_be_scheduled(base_of):
    with pytest.raises(SpecError, match="beta1"):
        base_of(scheduled={"beta1": "linear"})


def test_the_command_that_is_printed_makes_the_same_study():
    spec = make_spec(
        {
            "etude": "convergence",
            "data": "digits",
            "optimizer": "lion(beta1=0.95)",
            "scheduled": {"weight_decay": "linear"},
            "grid": "beta2=0.9,0.99",
            "controller": "polyak(c=1)",
        }
    )
    command = spec.command(Path("out"))
    assert command == (
        "etude run convergence --data digits --optimizer 'lion(beta1=0.95)' --controller 'polyak(c=1)' "
        "--scheduled weight_decay=linear --grid beta2=0.9,0.99 --out out"
    )


def test_gradients_are_clipped_by_value_where_that_is_asked_for(small_task):
    spec = make_spec({"etude": "convergence", "task": "points", "clip_value": 0.5})
    assert base_run(spec, small_task).clip_value == 0.5
    with pytest.raises(SpecError, match=r"got both clip = 1.0 and clip_value = 0.5: pass one of them"):
        make_spec({"etude": "convergence", "data": "digits", "clip": 1.0, "clip_value": 0.5})
