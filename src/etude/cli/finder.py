"""The command that finds a learning rate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from etude.cli.app import Json, Lang


def find(
    task: Annotated[str | None, typer.Option(help="Your own: FILE.py:FUNCTION that returns an etude.Task.")] = None,
    data: Annotated[str, typer.Option(help="Built-in data, or a folder of IDX files.")] = "digits",
    model: Annotated[Literal["mlp", "cnn", "cnn-bn", "gru"], typer.Option(help="Built-in network.")] = "mlp",
    optimizer: Annotated[
        str, typer.Option(help="sgd, adam, adamw, nadam, radam, rmsprop or adagrad, as torch has them.")
    ] = "sgd",
    momentum: Annotated[float | None, typer.Option(help="Of sgd, 0.9 by default, and of rmsprop.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 64,
    steps: Annotated[int | None, typer.Option(help="Steps that you plan to train; the best η falls with them.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="What η shall do over them, such as 'warmup(5%) > cosine'; constant by default.")
    ] = None,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Judge runs by the loss on held-out data.")] = False,
    budget: Annotated[int, typer.Option(help="Training steps that the search may take.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the initialization and the batches.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a report into this file.")] = None,
    language: Lang = "en",
    json: Json = False,
) -> None:
    """Find a peak learning rate by a ramp and short runs, or say why there is none."""
    from etude.integrations.finder.of_task import find_for_task

    answer = find_for_task(task, data, model, optimizer, momentum, batch_size, steps, budget, seed, schedule, evaluate)
    typer.echo(answer.json() if json else answer.text(language))
    if html is not None:
        typer.echo(answer.write_report(html), err=json)
