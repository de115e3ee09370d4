"""The commands that list and run études."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from etude.cli.answers import print_answer
from etude.cli.app import Json, Lang
from etude.core.errors import Interrupted, SpecError

_OPTIONS = (
    "data", "task", "model", "hidden", "activation", "lr", "seeds", "steps", "epochs", "batch_size", "optimizer", "momentum",
    "nesterov", "beta1", "beta2", "eps", "weight_decay", "schedule", "controller", "scheduled", "clip", "clip_value", "grid",
    "precision", "budget", "tolerance", "target",
)  # fmt: skip


def list_etudes() -> None:
    """List the études."""
    from etude.report.catalogue import say
    from etude.studies.etudes import ETUDES

    for etude in ETUDES:
        Console().print(f"{etude.name:16} {say(etude.question)}", highlight=False)


def run(
    etude: Annotated[str, typer.Argument(metavar="ETUDE", help="Which étude; `etude list` names them.")],
    data: Annotated[
        str | None, typer.Option(help="digits (the default), fashion-mnist, mnist, or a folder of IDX files.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Your own: FILE.py:FUNCTION that returns an etude.Task.")] = None,
    model: Annotated[str | None, typer.Option(help="mlp (the default), cnn, cnn-bn or gru.")] = None,
    hidden: Annotated[
        str | None, typer.Option(help="Widths of hidden layers, such as 256,64; 128 by default, 64 for a gru.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="relu (the default), tanh, sigmoid, gelu, silu or identity.")
    ] = None,
    lr: Annotated[
        str | None,
        typer.Option(metavar="LOW:HIGH:N", help="Learning rates, evenly spaced in log η; 1e-4:1:24 by default."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Replicates per learning rate; 5 by default.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps of each run; 500 by default.")] = None,
    epochs: Annotated[float | None, typer.Option(help="The same in passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step; 64 by default.")] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd (the default), adamw, lion, muon, …; further hyperparameters as in 'lion(beta1=0.95)'."),
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of an optimizer that has it; 0.9 by default for sgd.")] = None,
    nesterov: Annotated[bool | None, typer.Option("--nesterov", help="Nesterov's momentum.")] = None,
    beta1: Annotated[float | None, typer.Option(help="Of an optimizer that has it, as the next ones.")] = None,
    beta2: Annotated[float | None, typer.Option(help="See above.")] = None,
    eps: Annotated[float | None, typer.Option(help="See above.")] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Coupled or decoupled as the optimizer defines it.")
    ] = None,
    schedule: Annotated[str | None, typer.Option(help="Such as 'warmup(5%) > cosine'; constant by default.")] = None,
    controller: Annotated[
        str | None, typer.Option(help="plateau, hypergradient or polyak; it multiplies the schedule.")
    ] = None,
    scheduled: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=EXPR", help="Schedule of a hyperparameter, in multiples of its value; repeatable."),
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Global gradient norm to clip at; none by default.")] = None,
    clip_value: Annotated[float | None, typer.Option(help="Size to cut every entry of the gradient off at.")] = None,
    grid: Annotated[
        str | None,
        typer.Option(metavar="KEY=A:B:N", help="A second axis, such as momentum=0:0.99:4: a sweep for each."),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(help="Decades to which the best learning rate is wanted: spend runs where it is decided."),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Most runs of such a sweep; no limit but --seeds by default.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="How much worse than the best is as good; 0.02, which is 2 %, by default.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Training loss to count steps to; by default nine tenths of the best descent.")
    ] = None,
    spec: Annotated[Path | None, typer.Option(help="TOML file of these options; flags win over it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study; by default one in etude-studies/ named after the options.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; one for each CPU by default, 0 trains in this one.")
    ] = None,
    engine: Annotated[Literal["auto", "stack", "loop"], typer.Option(help="How lanes are computed.")] = "auto",
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
    no_weights: Annotated[bool, typer.Option("--no-weights", help="Do not store final weights.")] = False,
    language: Lang = "en",
    json: Json = False,
) -> None:
    """Run an étude, or go on with it where it stopped; then print its answer."""
    from etude.report.progress import ProgressLine
    from etude.studies.options_file import read_toml
    from etude.studies.study import Study

    given = {name: value for name, value in locals().items() if name in _OPTIONS and value is not None}
    if "hidden" in given:
        given["hidden"] = _widths(given["hidden"])
    if "scheduled" in given:
        given["scheduled"] = dict(_pair(text) for text in given["scheduled"])
    options: dict[str, Any] = (read_toml(spec) if spec else {}) | given
    options.pop("etude", None)
    study = Study(etude, out=out, **options)
    console = Console(stderr=json)
    try:
        with ProgressLine(console) as progress:
            progress.say(f"study: {study.folder}")
            answer = study.run(
                workers=workers, engine=engine, device=device, keep_weights=not no_weights, watcher=progress
            )
    except Interrupted as stop:
        raise Interrupted(f"{stop}; go on with: {_same_command(study.folder, out)}", stop.signal) from None
    print_answer(answer.folder, json=json, language=language)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SpecError(f"hidden widths are whole numbers with commas between, got {text!r}: write 128,64") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (name and equals and expression):
        raise SpecError(f"a scheduled hyperparameter is NAME=EXPR, got {text!r}: write momentum='linear(to=0.5)'")
    return name, expression


def _same_command(folder: Path, out: Path | None) -> str:
    words = ["etude", *sys.argv[1:]]
    return shlex.join(words if out else [*words, "--out", str(folder)])
