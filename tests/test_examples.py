"""The examples, run as a reader would run them."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from etude.studies.spec import make_spec, read_toml

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(folder: Path, *command: str) -> str:
    """Run Python with a command in a folder of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["own_network.py", "regression.py"])
def test_a_script_prints_an_answer_and_writes_a_report(name: str, tmp_path: Path) -> None:
    said = run(tmp_path, str(EXAMPLES / name))
    assert "η = " in said
    (report,) = tmp_path.glob("etude-studies/*/report.html")
    assert report.stat().st_size > 100_000


def test_the_own_network_is_a_task_for_the_command_line(tmp_path: Path) -> None:
    budget = shlex.split("--lr 1e-2:1:3 --seeds 1 --steps 10 --engine loop --workers 0 --no-weights --out study")
    said = run(tmp_path, "-m", "etude", "run", "convergence", "--task", f"{EXAMPLES / 'own_network.py'}:task", *budget)
    assert "What does the learning rate do to convergence?" in said
    assert (tmp_path / "study" / "report.html").exists()


def test_the_options_file_runs_and_a_flag_wins_over_it(tmp_path: Path) -> None:
    budget = shlex.split("--lr 1e-2:1:3 --epochs 1 --seeds 2 --workers 0 --no-weights --out study")
    said = run(tmp_path, "-m", "etude", "run", "convergence", "--spec", str(EXAMPLES / "spec.toml"), *budget)
    assert "× 2 seeds, 22 steps each" in " ".join(said.split())


def test_the_options_file_sets_what_it_says() -> None:
    path = EXAMPLES / "spec.toml"
    spec = make_spec({"etude": "convergence"} | read_toml(path))
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    assert {name: getattr(spec, name) for name in written} == written | {"hidden": tuple(written["hidden"])}
    assert spec.horizon(1437) == 110


def test_every_example_is_run_here() -> None:
    assert {p.name for p in EXAMPLES.iterdir() if p.is_file()} == {"own_network.py", "regression.py", "spec.toml"}
