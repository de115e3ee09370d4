"""The commands that look at what is stored: studies, and recorded trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from etude.cli.app import Json, Lang

if TYPE_CHECKING:
    from etude.studies.diagnosis.answer import Diagnosed
    from etude.studies.study import Answer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a study, or of a monitor.")]


def show(folder: Folder, language: Lang = "en", json: Json = False) -> None:
    """Print the answer of a stored study, or of a recorded training."""
    print_answer(folder, json=json, language=language)


def report(
    folder: Folder,
    png: Annotated[Path | None, typer.Option(help="Draw the first figure into this file as well.")] = None,
    language: Lang = "en",
) -> None:
    """Make the report of a stored study, or of a recorded training, again."""
    from etude.report.png import write_png

    answer = _answer(folder)
    typer.echo(answer.write_report())
    if png is not None:
        write_png(answer.page, png, language)
        typer.echo(png)


def diagnose(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A monitor's folder, a CSV file, or a log of TensorBoard.")
    ],
    lr: Annotated[float | None, typer.Option(help="Learning rate, if the log has no column of it.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Name of the update rule, such as SGD or AdamW.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of the optimizer.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps that were planned.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Examples per step.")] = None,
    examples: Annotated[int | None, typer.Option(min=1, help="Training examples in all.")] = None,
    clip: Annotated[float | None, typer.Option(help="Global gradient norm that was clipped at.")] = None,
    chance_loss: Annotated[float | None, typer.Option(help="Loss of the best constant output, such as ln C.")] = None,
    language: Lang = "en",
    json: Json = False,
) -> None:
    """Say what is wrong with a training's learning rate, if anything; facts that a log lacks let more be said."""
    from etude.studies.diagnosis.answer import Diagnosed
    from etude.studies.diagnosis.columns import Facts

    facts = Facts(lr, optimizer, momentum, steps, batch_size, examples, clip, chance_loss)
    _print_diagnosed(Diagnosed(path, facts), json=json, language=language)


def print_answer(folder: Path, *, json: bool, language: Literal["en", "zh"]) -> None:
    """Print what a folder says: the answer of a study, or the diagnosis of a recorded training."""
    from etude.report.terminal import print_page
    from etude.studies.diagnosis.answer import Diagnosed
    from etude.studies.study import REPORT

    answer = _answer(folder)
    if isinstance(answer, Diagnosed):
        _print_diagnosed(answer, json=json, language=language)
        return
    if json:
        typer.echo(answer.json())
        return
    path = folder / REPORT
    print_page(answer.page, Console(), language, path if path.exists() else None)


def _print_diagnosed(answer: Diagnosed, *, json: bool, language: Literal["en", "zh"]) -> None:
    from etude.studies.diagnosis.answer import REPORT
    from etude.studies.diagnosis.text import print_diagnosed

    if json:
        typer.echo(answer.json())
        return
    path = answer.training.source / REPORT
    print_diagnosed(answer, Console(), language, path if path.exists() else None)


def _answer(folder: Path) -> Answer | Diagnosed:
    """What a folder says: a study, or a recording of a training."""
    from etude.storage.recording import is_recording
    from etude.studies.diagnosis.answer import Diagnosed
    from etude.studies.study import Answer

    return Diagnosed(folder) if is_recording(folder) else Answer(folder)
