"""The command ``etude schedule``."""

import sys

import pytest

from etude.cli import main


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["etude", "schedule", *words])
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, " ".join(out.split()), " ".join(err.split())


def test_it_draws_tabulates_and_finds_nothing_odd_about_a_sound_schedule(monkeypatch, capsys) -> None:
    code, out, err = run(monkeypatch, capsys, "warmup(5%) > cosine(to=0.01)", "--steps", "200", "--peak", "0.1")
    assert (code, err) == (0, "")
    assert "η 0.1 │" in out
    assert "largest 0.1 at 9" in out
    assert "!" not in out


def test_it_compares_and_says_what_is_odd_about_each(monkeypatch, capsys) -> None:
    _, out, _ = run(monkeypatch, capsys, "linear(from=0, to=1)", "--compare", "cosine(50%) > cosine(50%)")
    assert "! linear(from=0, to=1): the first step trains at a learning rate of 0" in out
    assert "! cosine(50%) > cosine(50%): the multiplier jumps from" in out


def test_it_writes_the_same_as_a_page(monkeypatch, capsys, tmp_path) -> None:
    file = tmp_path / "schedule.html"
    code, out, _ = run(monkeypatch, capsys, "wsd", "--html", str(file))
    assert code == 0
    assert out.endswith(str(file))
    assert "<code>wsd</code>" in file.read_text(encoding="utf-8")


def test_it_knows_epochs_accumulation_and_the_edge(monkeypatch, capsys) -> None:
    words = [
        "warmup(1ep) > cosine",
        "--steps",
        "400",
        "--epoch",
        "100",
        "--accumulate",
        "4",
        "--peak",
        "0.3",
        "--edge",
        "0.25",
    ]
    code, out, _ = run(monkeypatch, capsys, *words)
    assert code == 0
    assert "largest 0.3 at 24" in out  # an epoch of 100 batches is 25 steps
    assert "! the learning rate reaches 0.3 at step 24, beyond the edge at 0.25" in out
    assert "! 400 steps would be 4 epochs if each of an epoch's 100 batches made a step, but 4 batches make one" in out


def test_it_speaks_chinese_in_the_terminal_and_on_the_page(monkeypatch, capsys, tmp_path) -> None:
    file = tmp_path / "schedule.html"
    words = ["linear(from=0, to=1)", "--language", "zh", "--html", str(file)]
    _, out, _ = run(monkeypatch, capsys, *words)
    assert "! 第一步的学习率为 0" in out
    assert "第一步的学习率为 0" in file.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_named(monkeypatch, capsys, tmp_path) -> None:
    code, _, err = run(monkeypatch, capsys, "wsd", "--html", str(tmp_path / "missing" / "schedule.html"))
    assert code == 2
    assert "cannot write" in err
    assert "missing" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cosin"], "etude: unknown segment 'cosin' (character 1): did you mean 'cosine'?"),
        (["cosine", "--compare", ""], "etude: cannot read the schedule: expected a segment"),
        (["cosine", "--peak", "0"], "etude: needs --peak > 0 and finite, got 0.0"),
        (["cosine", "--edge", "-1"], "etude: needs --edge > 0 and finite, got -1.0"),
        (["cosine", "--steps", "0"], "'--steps'"),
        (["cosine", "--epoch", "0"], "'--epoch'"),
        (["warmup(2ep) > cosine"], "the steps of an epoch are unknown here: say how many they are (--epoch 100)"),
        (["warmup(5) > cosine", "--steps", "5"], "take 5 of 5 steps and leave none for 'cosine'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(monkeypatch, capsys, words, message) -> None:
    code, out, err = run(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert message in err


def test_it_needs_no_torch() -> None:
    import subprocess

    code = "import sys; from etude.cli import schedule; schedule('cosine'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
