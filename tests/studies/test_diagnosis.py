"""What `etude diagnose` reads and says: recordings, CSV files, logs of TensorBoard."""

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from etude.analysis.diagnosis.verdict import Confidence, Fault
from etude.core.errors import DataError
from etude.core.trace import Ending, Outcome
from etude.report.catalogue import say
from etude.storage.recording import RecordingWriter
from etude.studies.diagnosis.answer import Diagnosed, confidence_name, fault_name
from etude.studies.diagnosis.columns import Facts, meaning
from etude.studies.diagnosis.csv_log import read_csv
from etude.studies.diagnosis.event_log import _masked_crc, event_files, read_events
from etude.studies.diagnosis.figures import running_median
from etude.studies.diagnosis.read import read_training

FACTS = {
    "rule": "SGD",
    "hyperparameters": {"momentum": 0.9},
    "layers": ["0.weight", "0.bias"],
    "optimizers": ["SGD"],
    "horizon": 200,
    "batch_size": 32,
    "examples": 1000,
    "chance_loss": 2.3,
    "clip_norm": None,
    "budget": 0.02,
}
NONE = Facts()


def recording(
    folder: Path,
    *,
    steps: int = 200,
    every: int = 4,
    finish: bool = True,
    evaluated: bool = True,
    **columns: np.ndarray,
) -> Path:
    draw = np.random.default_rng(0)
    at = np.arange(float(steps))
    dense = {
        "step": at,
        "loss": 2.3 * np.exp(-at / 20) + 0.05 + 0.01 * draw.random(steps),
        "lr": np.full(steps, 0.1),
        "skipped": np.zeros(steps),
        "gradient_norm": 1 + 0.1 * draw.random(steps),
    }
    looks = at[::every]
    layers = {
        "step": looks,
        "update_ratio/0.weight": np.full(len(looks), 1e-3),
        "update_ratio": np.full(len(looks), 1e-3),
    }
    evaluations = {"step": np.array([100.0, 200.0]), "validation_loss": np.array([0.2, 0.1])}
    pace = {"step": np.array([float(steps)]), "every": np.array([float(every)]), "cost": np.array([0.013])}
    pace["seconds"] = np.array([0.5])
    with RecordingWriter(folder, FACTS) as writer:
        half = steps // 2
        for part in (slice(0, half), slice(half, steps)):
            own = {name: column[part] for name, column in (dense | columns).items()}
            writer.append({"steps": own})
        writer.append({"layers": layers, "pace": pace} | ({"evaluations": evaluations} if evaluated else {}))
        if finish:
            writer.finish(Outcome(Ending.COMPLETED, steps))
    return folder


def test_a_recording_is_read_as_a_lanes_trace(tmp_path):
    found = read_training(recording(tmp_path / "run"), NONE)
    trace = found.record.trace
    assert len(trace.per_step["loss"]) == 200
    ratio = trace.per_step["update_ratio/0.weight"]
    assert np.flatnonzero(np.isfinite(ratio)).tolist() == list(range(0, 200, 4))
    assert trace.outcome == Outcome(Ending.COMPLETED, 200)
    assert found.record.hyperparameters == {"momentum": 0.9}
    assert trace.evaluations["step"].tolist() == [100, 200]
    loss = trace.per_step["loss"]
    np.testing.assert_allclose(trace.evaluations["train_loss"], [loss[:100].mean(), loss[100:].mean()])
    assert say(found.rests_on[0]).startswith(
        "Layers were looked at on 50 of 200 steps, at the end every 4; the monitor took 0.5 s, 1.3%"
    )


def test_where_nothing_was_evaluated_the_first_batch_tells_the_loss_before_training(tmp_path):
    loss = np.full(200, 2.4)
    loss[0], loss[1:5] = 2.3, 500.0
    answer = Diagnosed(recording(tmp_path / "run", loss=loss, evaluated=False))
    assert answer.training.record.trace.evaluations["train_loss"].tolist() == [2.3]
    assert answer.diagnoses[0].fault is Fault.TOO_HIGH


@pytest.mark.parametrize("kind", ["no loss", "nan from the start", "three steps"])
def test_a_recording_that_holds_next_to_nothing_is_told_of(kind, tmp_path, etude_says):
    few = 3 if kind == "three steps" else 60
    columns = {"step": np.arange(float(few)), "lr": np.full(few, 0.1), "skipped": np.zeros(few)}
    if kind != "no loss":
        columns["loss"] = np.full(few, np.nan if kind == "nan from the start" else 1.0)
    with RecordingWriter(tmp_path / "run", FACTS) as writer:
        writer.append({"steps": columns})
    for words in (["diagnose"], ["report"], ["diagnose", "--json"]):
        code, out, err = etude_says(words[0], tmp_path / "run", *words[1:])
        assert (code, err) == (0, "")
        assert out


@pytest.mark.parametrize(
    ("skipped", "pending", "says"),
    [
        (np.arange(60) >= 20, 0.0, "No update was seen at 40 of 60 steps"),
        (np.arange(60) < 1, 1.0, "after the call of monitor.step"),
        (np.arange(60) < 1, 0.0, ""),
    ],
)
def test_calls_in_the_wrong_order_and_updates_that_are_not_seen_are_told_of(skipped, pending, says, tmp_path):
    columns = {"step": np.arange(60.0), "loss": np.ones(60), "skipped": skipped.astype(float)}
    pace = {name: np.ones(1) for name in ("step", "every", "cost", "seconds")} | {"pending": np.full(1, pending)}
    with RecordingWriter(tmp_path / "run", FACTS) as writer:
        writer.append({"steps": columns, "pace": pace})
        writer.finish(Outcome(Ending.COMPLETED, 60))
    notes = [say(note) for note in Diagnosed(tmp_path / "run").training.notes]
    assert len(notes) == bool(says)
    assert says in " ".join(notes)


def test_a_recording_that_was_killed_says_so(tmp_path):
    found = read_training(recording(tmp_path / "run", finish=False), NONE)
    assert found.record.trace.outcome.reason == "killed"
    assert "was killed: its record ends at step 200" in say(found.notes[0])


def test_a_training_that_ends_in_nan_is_cut_where_that_began(tmp_path):
    loss = np.ones(200)
    loss[50] = np.nan  # for a moment
    loss[120:] = np.nan
    trace = read_training(recording(tmp_path / "run", loss=loss), NONE).record.trace
    assert trace.outcome == Outcome(Ending.DIVERGED, 120, "exploded")
    assert len(trace.per_step["loss"]) == len(trace.per_step["update_ratio"]) == 121


def test_the_infinite_loss_of_a_skipped_update_is_no_divergence(tmp_path):
    loss, skipped = np.linspace(2, 1, 200), np.zeros(200)
    loss[[0, 1, 60]] = np.inf
    skipped[[0, 1, 60]] = 1
    trace = read_training(recording(tmp_path / "run", loss=loss, skipped=skipped), NONE).record.trace
    assert trace.outcome.ending is Ending.COMPLETED
    assert trace.per_step["loss"][[0, 1, 60]].tolist() == [loss[2], loss[2], loss[59]]


def test_a_gradient_norm_with_gaps_is_drawn_and_not_taken_for_spikes(tmp_path):
    norm = np.full(200, np.nan)
    norm[::8] = 1.0
    answer = Diagnosed(recording(tmp_path / "run", gradient_norm=norm))
    assert "gradient_norm" not in answer.training.record.trace.per_step
    assert [figure.id for figure in answer.page.figures] == ["loss", "learning-rate", "gradient-norm", "update-ratio"]
    assert Fault.SPIKE not in {diagnosis.fault for diagnosis in answer.diagnoses}


def test_norms_that_are_all_the_same_tell_of_clipping_that_was_not_told(tmp_path):
    norm = np.minimum(np.random.default_rng(1).lognormal(0, 1, 200), 1.0)
    found = read_training(recording(tmp_path / "run", gradient_norm=norm), NONE)
    assert "gradients are clipped" in say(found.notes[0])


def test_show_diagnose_and_report_take_a_monitors_folder(tmp_path, etude_says):
    folder = recording(tmp_path / "run")
    for command in ("show", "diagnose"):
        code, out, _ = etude_says(command, folder)
        assert code == 0
        assert "200 steps recorded by a monitor, SGD" in out
    code, out, _ = etude_says("diagnose", folder, "--language", "zh")
    assert "由监视器记录的 200 步训练" in out
    code, out, _ = etude_says("report", folder)
    assert code == 0
    assert Path(out.strip()).read_text(encoding="utf-8").count("<figure") >= 4
    code, out, _ = etude_says("diagnose", folder, "--json")
    plain = json.loads(out)
    assert plain["steps"] == 200
    assert plain["diagnoses"][0]["fault"] in set(Fault)
    assert len(plain["diagnoses"][0]["symptom"]) == len(plain["diagnoses"][0]["symptom_zh"]) == 1


def test_a_damaged_recording_is_named(tmp_path, etude_says):
    folder = recording(tmp_path / "run")
    data = bytearray((folder / "study.db").read_bytes())
    at = data.find(struct.pack("<d", 0.1) * 8)
    data[at] ^= 1
    (folder / "study.db").write_bytes(data)
    code, _, err = etude_says("diagnose", folder)
    assert code == 1
    assert "is damaged" in err
    assert "record the training again" in err


def write_csv(path: Path, heading: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([heading, *rows])
    return path


def test_a_csv_file_with_blanks_is_read_column_by_column(tmp_path):
    rows = [[t, 2 / (t + 1), "", 0.1 if t == 0 else "", 0] for t in range(6)] + [
        [3, "", 0.7, "", 0],
        [5, "", 0.6, "", 0],
    ]
    path = write_csv(tmp_path / "metrics.csv", ["step", "train_loss_step", "val_loss", "lr-SGD", "epoch"], rows)
    found = read_training(path, NONE)
    trace = found.record.trace
    assert trace.per_step["loss"].tolist() == [2 / (t + 1) for t in range(6)]
    assert trace.per_step["lr"].tolist() == [0.1] * 6
    assert trace.evaluations["step"].tolist() == [4, 6]
    assert trace.evaluations["validation_loss"].tolist() == [0.7, 0.6]
    assert not found.in_rows


def test_rows_that_are_steps_apart_are_said_to_be_rows(tmp_path):
    path = write_csv(tmp_path / "m.csv", ["global_step", "Loss/train"], [[50 * t, 1.0] for t in range(10)])
    found = read_training(path, Facts(horizon=1000))
    assert found.in_rows
    assert found.record.horizon == 20
    assert "One row is about 50 steps" in say(found.notes[0])


def test_a_loss_of_nan_is_not_a_blank(tmp_path):
    rows = [[t, "nan" if t >= 8 else 1.0] for t in range(10)]
    trace = read_training(write_csv(tmp_path / "m.csv", ["step", "loss"], rows), NONE).record.trace
    assert trace.outcome == Outcome(Ending.DIVERGED, 8, "exploded")


def test_facts_that_a_csv_lacks_come_from_the_command_line(tmp_path, etude_says):
    path = write_csv(tmp_path / "m.csv", ["loss"], [[2.0 - t / 100] for t in range(60)])
    code, out, _ = etude_says("diagnose", path, "--lr", 0.1, "--optimizer", "SGD", "--momentum", 0.9)
    assert code == 0
    flat = " ".join(out.split())
    assert "no column of steps without a gap" in flat
    assert "Learning rate too low" in flat
    assert "Estimate" not in flat  # it has no unit, so the sentence says it
    assert "lr = 0.1, rule = SGD, momentum = 0.9" in flat
    assert "Not known: --steps, --batch-size" in flat


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "step,hue\n1,2\n", "no column of training losses (with numbers it has hue)"),
        ("b.csv", "", "is empty"),
        ("c.csv", "step,loss\n", "no rows"),
        ("d.csv", "step,loss\n1,\n2,\n", "no column of training losses"),
        ("events.out.tfevents.1", "not one of TensorBoard's", "damaged or no log of TensorBoard"),
        ("e.csv", "\0\xff", "no rows"),
    ],
)
def test_what_cannot_be_diagnosed_ends_with_one_sentence_and_exit_code_2(name, content, says, tmp_path, etude_says):
    (tmp_path / name).write_text(content, encoding="utf-8")
    code, out, err = etude_says("diagnose", tmp_path / name)
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_what_is_nothing_at_all_is_refused(tmp_path, etude_says):
    assert "does not exist" in etude_says("diagnose", tmp_path / "nowhere")[2]
    assert "too long" in etude_says("diagnose", tmp_path / ("x" * 400))[2]
    assert "neither a recording nor a log of TensorBoard" in etude_says("diagnose", tmp_path)[2]
    code, _, err = etude_says("diagnose", recording(tmp_path / "run"), "--lr", 0.1)
    assert code == 2
    assert "leave out lr" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--lr", -1), "needs a learning rate > 0, got -1.0"),
        (("--momentum", 7), "needs a momentum in [0, 1), got 7.0"),
        (("--clip", 0), "leave --clip out"),
        (("--lr", 0.1), "has a column of learning rates"),
    ],
)
def test_facts_that_cannot_be_are_refused_in_one_sentence(options, says, tmp_path, etude_says):
    path = write_csv(tmp_path / "m.csv", ["loss", "lr"], [[2.0 - t / 100, 0.1] for t in range(60)])
    code, out, err = etude_says("diagnose", path, *options)
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())


def test_scalars_of_tensorboard_are_read_as_they_were_written(tmp_path):
    writer = pytest.importorskip("tensorboardX").SummaryWriter(str(tmp_path))
    losses = np.exp(-np.arange(40) / 10)
    for t, loss in enumerate(losses):
        writer.add_scalar("Loss/train", loss, t)
        writer.add_text("note", "hello", t)
    writer.add_scalar("val/loss", 0.5, 39)
    writer.close()
    log = read_events(event_files(tmp_path))
    assert set(log.columns) == {"Loss/train", "val/loss"}
    np.testing.assert_array_equal(log.columns["Loss/train"][1], losses.astype(np.float32))
    assert log.columns["Loss/train"][0].tolist() == list(range(40))
    assert read_training(tmp_path, NONE).record.trace.evaluations["validation_loss"].tolist() == [0.5]


def event(step: int, tag: str, value: bytes) -> bytes:
    own = b"\x0a" + bytes([len(tag)]) + tag.encode() + value
    summary = b"\x0a" + bytes([len(own)]) + own
    data = b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked_crc(length)) + data + b"\0\0\0\0"


def test_scalars_kept_as_tensors_are_read_and_a_record_cut_off_ends_the_file(tmp_path):
    tensor = b"\x08\x01" + b"\x2a\x04" + struct.pack("<f", 1.5)
    whole = event(1, "loss", b"\x15" + struct.pack("<f", 2.5)) + event(
        2, "loss", b"\x42" + bytes([len(tensor)]) + tensor
    )
    path = tmp_path / "events.out.tfevents.0"
    path.write_bytes(whole + whole[:30])
    assert read_events([path]).columns["loss"][1].tolist() == [2.5, 1.5]


def test_the_checksum_is_crc_32c():
    """Castagnoli's polynomial gives 0xE3069283 for "123456789" (RFC 3720, B.4); TensorFlow turns it and adds a constant."""
    crc = 0xE3069283
    assert _masked_crc(b"123456789") == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_record_that_is_no_event_is_refused(tmp_path):
    data = b"\x2a\x7f"
    length = struct.pack("<Q", len(data))
    path = tmp_path / "events.out.tfevents.0"
    path.write_bytes(length + struct.pack("<I", _masked_crc(length)) + data + b"\0\0\0\0")
    with pytest.raises(DataError, match="no event"):
        read_events([path])


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("train/loss", "loss"),
        ("train_loss_epoch", None),
        ("valid_loss", "validation_loss"),
        ("Loss/val", "validation_loss"),
        ("eval/accuracy", "validation_accuracy"),
        ("Train Loss", "loss"),
        ("lr-AdamW/pg1", "lr"),
        ("train/grad_norm", "gradient_norm"),
        ("grad_2.0_norm_total", "gradient_norm"),
        ("trainer/global_step", "step"),
        ("update_ratio/0.weight", "update_ratio/0.weight"),
        ("Grad Norm (L2)", "gradient_norm"),
        ("brisk-dawn-7 - train/loss", "loss"),
        ("brisk-dawn-7 - train/loss__MIN", None),
        ("time", None),
    ],
)
def test_usual_names_are_understood(name, means):
    assert meaning(name) == means


def test_every_fault_and_confidence_has_a_name_in_both_languages():
    for fault in Fault:
        assert say(fault_name(fault)) != say(fault_name(fault), "zh")
    for confidence in Confidence:
        assert say(confidence_name(confidence)) != say(confidence_name(confidence), "zh")


def test_a_log_with_semicolons_or_tabs_is_a_log_too(tmp_path):
    for delimiter in ";\t":
        path = tmp_path / "m.csv"
        path.write_text(f"step{delimiter}loss\n0{delimiter}1.5\n1{delimiter}1.25\n")
        assert read_csv(path).columns["loss"][1].tolist() == [1.5, 1.25]
        path.write_text(
            f"step{delimiter}loss{delimiter}loss\n0{delimiter}1,5{delimiter}7\n1{delimiter}1,25{delimiter}7\n"
        )
        assert read_csv(path).columns["loss"][1].tolist() == [1.5, 1.25]


def test_the_running_median_is_that_of_each_stretch():
    values = np.arange(12.0)
    values[7] = np.nan
    assert running_median(values).tolist() == [2] * 5 + [7.0] * 5 + [10.5] * 2
