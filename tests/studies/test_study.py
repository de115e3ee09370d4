"""A study from Python and from the command line: the same bits however it is run."""

import os
import signal

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import etude
from etude.core.errors import LockedError, SpecError, TaskError
from etude.storage.writer import StudyWriter
from etude.studies.stored import FINGERPRINT


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_no_bit(tmp_path, contents, finished, tiny, workers):
    etude.Study("convergence", out=tmp_path / "s", **tiny).run(workers=workers)
    assert contents(tmp_path / "s") == contents(finished)


@pytest.mark.parametrize("model", ["cnn-bn", "gru"])
def test_models_on_other_engines_give_the_same_bits_with_any_workers(tmp_path, contents, model):
    options = {"model": model, "lr": "0.05:0.5:2", "seeds": 1, "steps": 3, "batch_size": 16}
    for workers in (0, 2):
        # The engine is given, since a calibration may choose another one on another day.
        etude.Study("convergence", out=tmp_path / f"{workers}", **options).run(workers=workers, engine="loop")
    assert contents(tmp_path / "0") == contents(tmp_path / "2")


def test_a_stopped_study_goes_on_with_other_workers_to_the_same_bits(
    tmp_path, start, slow, wait_until_training, contents, finished, tiny, tiny_flags
):
    folder = tmp_path / "s"
    command = start("run", "convergence", *tiny_flags, "--out", str(folder), "--workers", "3", before=slow())
    wait_until_training(folder)
    os.kill(command.group, signal.SIGTERM)
    assert command.wait() == 143
    assert len(contents(folder).traces) < len(contents(finished).traces)
    etude.Study("convergence", out=folder, **tiny).run(workers=0)
    assert contents(folder) == contents(finished)


def test_running_a_finished_study_again_alters_nothing(tmp_path, contents, tiny):
    study = etude.Study("convergence", out=tmp_path / "s", **tiny)
    first = study.run(workers=0)
    before, report = contents(tmp_path / "s"), (tmp_path / "s" / "report.html").read_bytes()
    again = study.run(workers=2)
    assert contents(tmp_path / "s") == before
    assert (tmp_path / "s" / "report.html").read_bytes() == report
    assert again.text() == first.text()
    assert again.text("zh") != first.text()


def test_weights_may_be_left_out_and_asked_for_later(tmp_path, contents, finished, tiny):
    study = etude.Study("convergence", out=tmp_path / "s", **tiny)
    study.run(workers=0, keep_weights=False)
    assert contents(tmp_path / "s").weights == {}
    study.run(workers=0)
    assert contents(tmp_path / "s") == contents(finished)


X = torch.randn(120, 6, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] + X[:, 1] > 0).long()
OPTIONS = {"lr": "0.03:1:4", "seeds": 2, "steps": 20, "batch_size": 32}


def test_a_task_of_lambdas_trains_in_workers_and_a_dataset_is_the_same_as_its_tensors(tmp_path, contents):
    for name, data in (("tensors", (X, Y)), ("dataset", TensorDataset(X, Y))):
        task = etude.Task("mine", lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)), train=data)
        answer = etude.Study("convergence", task=task, out=tmp_path / name, **OPTIONS).run(workers=2)
        assert answer.stored.spec.task == "mine"
    assert contents(tmp_path / "tensors") == contents(tmp_path / "dataset")


def test_a_regression_from_python_answers_both_etudes(tmp_path):
    target = X.sum(1, keepdim=True)
    task = etude.Task("sum", lambda: nn.Linear(6, 1), train=(X, target), validation=(X[:40], target[:40]))
    for name in ("convergence", "generalization"):
        answer = etude.Study(name, task=task, out=tmp_path / name, **OPTIONS | {"seeds": 3}).run(workers=0)
        assert answer["edge"].interval is not None
        assert answer.text()
        assert "validation_accuracy" not in answer.json()


def test_what_is_no_task_is_named(tmp_path):
    with pytest.raises(SpecError, match="option 'task' must be a valid string, got 3"):
        etude.Study("convergence", task=3)
    with pytest.raises(TaskError, match=r"a task is given as FILE\.py:FUNCTION"):
        etude.Study("convergence", task="mine", out=tmp_path / "s").run(workers=0)


def test_the_default_folder_follows_from_the_options():
    def folder(**options):
        return etude.Study("convergence", **options).folder

    assert folder(seeds=3) == folder(seeds=3, data="digits")
    different = [folder(), folder(seeds=3), folder(seeds=4), folder(data="mnist"), folder(task="a/b c.py:f")]
    assert len(set(different)) == len(different)
    assert folder().parent.name == "etude-studies"
    assert folder().name.startswith("convergence-digits-")
    assert folder(task="a/b c.py:f").name.startswith("convergence-b-c-")


def test_a_study_that_is_being_written_is_refused(tmp_path, tiny):
    study = etude.Study("convergence", out=tmp_path / "s", **tiny)
    study.run(workers=0)
    stored = study.spec.stored() | {FINGERPRINT: "?"}
    with pytest.raises(SpecError, match="fingerprint of data, model and loss was"):
        StudyWriter.create_or_open(tmp_path / "s", stored)
    from etude.storage.lock import WriterLock

    lock = WriterLock(tmp_path / "s")
    with pytest.raises(LockedError, match=f"is being run by process {os.getpid()} on "):
        study.run(workers=0)
    lock.release()
    study.run(workers=0)


def test_signals_are_left_as_they_were(tmp_path, tiny):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    threads = torch.get_num_threads()
    etude.Study("convergence", out=tmp_path / "s", **tiny).run(workers=1)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert torch.get_num_threads() == threads
