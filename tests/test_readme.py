"""What the READMEs and the pages beside them say, held against what there is."""

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from PIL import Image

from etude.cli import app
from etude.core.message import Message
from etude.report.catalogue import say
from etude.studies.grids import parse_grid
from etude.studies.options_file import read_toml
from etude.studies.spec import make_spec
from etude.studies.study import Study

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [ENGLISH, CHINESE, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[list[str]]:
    """The commands of a page's shell blocks, as words, without comments."""
    lines = "".join(blocks(page, "shell")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


ETUDE_LINES = [words[1:] for page in PAGES for words in shell_lines(page) if words[0] == "etude"]
MAKE_TARGETS = [words[1] for page in PAGES for words in shell_lines(page) if words[0] == "make"]


def test_both_readmes_have_the_same_code() -> None:
    for language in ("shell", "python", "text"):
        assert blocks(ENGLISH, language) == blocks(CHINESE, language) != []


def test_both_readmes_have_the_same_sections_tables_and_lists() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in (ENGLISH, CHINESE))
    for mark in (r"^## ", r"^\|", r"^- "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, chinese, re.MULTILINE)) > 0
    findings = r"^\| (`.*?`) \|"
    assert re.findall(findings, english, re.MULTILINE) == re.findall(findings, chinese, re.MULTILINE)


def test_the_python_example_runs_and_prints_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks(ENGLISH, "python")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    answer, *_, edge, report = capsys.readouterr().out.splitlines()
    assert answer.startswith("Use η = ")
    assert edge.startswith("supported 0.")
    assert (tmp_path / report).exists()


def test_the_answer_shown_is_worded_as_the_tool_words_it() -> None:
    (shown,) = blocks(ENGLISH, "text")
    answer = " ".join(shown.split("\n\n")[1].split())
    lr, left, right, best, low, high, *found = map(float, re.findall(r"\d+(?:\.\d+)?", answer))
    values = {"lr": lr, "left": left, "right": right, "best": best, "low": low, "high": high}
    edge = Message("study.answer.edge", dict(zip(("lr", "low", "high"), found, strict=True)))
    assert answer == f"{say(Message('study.answer.train_loss', values))} {say(edge)}"
    assert shown.startswith(say(Message("study.convergence.title")))


@pytest.mark.parametrize("words", ETUDE_LINES, ids=" ".join)
def test_a_command_of_the_pages_parses(words: list[str]) -> None:
    name, *rest = words
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    options = {k: v for k, v in command.make_context(name, rest).params.items() if v is not None}
    if name == "run":
        given = {k: v for k, v in options.items() if k in ("epochs", "steps", "seeds", "optimizer", "schedule", "clip")}
        source = {} if options.get("task") else {"data": "digits"}
        make_spec({"etude": options["etude"], "task": options.get("task")} | source | given)
        parse_grid(options.get("lr", "1e-4:1:24"))
        if "spec" in options:
            read_toml(ROOT / options["spec"])


def test_an_unknown_flag_would_be_noticed() -> None:
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    with pytest.raises(Exception, match=r"(?i)no such option"):
        command.make_context("run", ["convergence", "--leanring-rate", "1"])


def test_every_make_target_of_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"study", "test"} <= set(MAKE_TARGETS) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "#")):
            continue
        assert (page.parent / unquote(link.partition("#")[0])).exists(), link


@pytest.mark.parametrize("name", ["report.png", "report-zh.png"])
def test_a_picture_is_light_and_not_too_wide(name: str) -> None:
    path = ROOT / "docs" / "images" / name
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        assert 800 <= picture.width <= 1600


def test_the_readme_names_every_finding_and_no_other(tmp_path: Path) -> None:
    table = re.findall(r"^\| (`.*?`) \|", ENGLISH.read_text(encoding="utf-8"), re.MULTILINE)
    tiny = Study("generalization", lr="1e-2:1:3", seeds=1, steps=2, out=tmp_path / "study")
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == set(tiny.run(workers=0).findings)


def test_the_errors_in_the_page_on_tasks_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "own-task.md").read_text(encoding="utf-8")
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "src" / "etude" / "tasks").glob("*.py"))
    quoted = [
        part for row in re.findall(r"^\| (\*.*?) \|", page, re.MULTILINE) for part in re.findall(r"\*(.+?)\*", row)
    ]
    assert len(quoted) > 15
    assert [part for part in quoted if part not in source] == []


def test_the_example_of_the_page_on_tasks_makes_a_task_that_passes_the_checks(tmp_path: Path) -> None:
    from etude.tasks.checks import check_task
    from etude.tasks.load import load_task

    (code,) = blocks(ROOT / "docs" / "own-task.md", "python")
    file = tmp_path / "parabola.py"
    file.write_text(code, encoding="utf-8")
    assert check_task(load_task(f"{file}:task"), batch_size=64) == ()
