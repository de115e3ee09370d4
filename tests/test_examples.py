"""The examples: one as a reader would run it, the others in this process, where torch need not be imported again."""

import os
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from etude.studies.options_file import read_toml
from etude.studies.spec import make_spec

EXAMPLES = Path(__file__).parent.parent / "examples"


Etude = Callable[..., tuple[int, str, str]]


def reports(folder: Path) -> list[int]:
    """Sizes of the reports that were written."""
    return [path.stat().st_size for path in folder.glob("etude-studies/*/report.html")]


def test_a_program_prints_an_answer_and_writes_a_report(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_network.py")],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "η = " in done.stdout
    assert min(reports(tmp_path)) > 100_000


def test_the_regression_prints_an_answer_and_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "regression.py"), run_name="__main__")
    assert "η = " in capsys.readouterr().out
    assert min(reports(tmp_path)) > 100_000


def test_the_own_network_is_a_task_for_the_command_line(tmp_path: Path, etude_says: Etude) -> None:
    budget = shlex.split("--lr 1e-2:1:3 --seeds 1 --steps 10 --engine loop --workers 0 --no-weights --out")
    task = ("--task", f"{EXAMPLES / 'own_network.py'}:task")
    code, said, _ = etude_says("run", "convergence", *task, *budget, tmp_path / "study")
    assert code == 0
    assert "What does the learning rate do to convergence?" in said
    assert (tmp_path / "study" / "report.html").exists()


def test_the_options_file_runs_and_a_flag_wins_over_it(tmp_path: Path, etude_says: Etude) -> None:
    budget = shlex.split("--lr 1e-2:1:3 --epochs 1 --seeds 2 --workers 0 --no-weights --out")
    code, said, _ = etude_says("run", "convergence", "--spec", EXAMPLES / "spec.toml", *budget, tmp_path / "study")
    assert code == 0
    assert "× 2 seeds, 22 steps each" in " ".join(said.split())


def test_the_options_file_sets_what_it_says() -> None:
    path = EXAMPLES / "spec.toml"
    spec = make_spec({"etude": "convergence"} | read_toml(path))
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    assert {name: getattr(spec, name) for name in written} == written | {"hidden": tuple(written["hidden"])}
    assert spec.horizon(1437) == 110


def test_every_example_is_run_here() -> None:
    assert {p.name for p in EXAMPLES.iterdir() if p.is_file()} == {"own_network.py", "regression.py", "spec.toml"}
