"""docs/monitor.md: its Python blocks run in one session, its commands too, and its table names what is recorded."""

import re
import shlex
from pathlib import Path

import torch

from etude.storage.recording import read_recording

PAGE = (Path(__file__).parents[2] / "docs" / "monitor.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_example_of_the_page_runs(tmp_path, monkeypatch, etude_says):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    session: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/monitor.md", "exec"), session)
    for name, steps in (("first", 200), ("probed", 100), ("clipped", 20), ("accumulated", 20), ("two", 20)):
        tables = read_recording(tmp_path / "runs" / name).tables
        assert len(tables["steps"]["loss"]) == steps
        assert tables["steps"]["skipped"].sum() == 0
    assert read_recording(tmp_path / "runs" / "two").tables["evaluations"]["step"].tolist() == [10, 20]
    commands = [shlex.split(line, comments=True) for block in blocks("shell") for line in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        code, out, err = etude_says(*command[1:])
        assert (code, err) == (0, "")
        assert out
    assert (tmp_path / "runs" / "first" / "report.html").exists()


def test_the_table_names_every_column_that_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {}
    for block in blocks("python")[:2]:
        exec(compile(block, "docs/monitor.md", "exec"), session)
    tables = read_recording(tmp_path / "runs" / "probed").tables
    recorded = {name.split("/")[0] for table in ("steps", "layers", "angles", "readings") for name in tables[table]}
    assert {"dead", "delta_rms", "probe_slope"} <= recorded
    table = "".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert recorded - {"step", "skipped"} == {name for name in recorded if f"`{name}`" in table or f"`{name}/" in table}
