"""The command ``etude``. Thin: it turns flags into options and errors into one sentence."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from etude import __version__
from etude.core.errors import EtudeError, Interrupted

if TYPE_CHECKING:
    from etude.studies.diagnosis.answer import Diagnosed
    from etude.studies.study import Answer

app = typer.Typer(
    name="etude",
    help="What the learning rate does to your network, which one to use, and how sure that is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

CTRL_C = 130

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a study, or of a monitor.")]
Json = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]
Lang = Annotated[Literal["en", "zh"], typer.Option("--language", help="Language of the answer.")]


def main() -> None:
    """Run the command line; the entry point."""
    try:
        # typer turns Ctrl-C into an exit code, which it returns.
        if app(standalone_mode=False, prog_name="etude") == CTRL_C:
            _fail("stopped by Ctrl-C: the same command starts again, or goes on with what is saved", CTRL_C)
    except EtudeError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        # typer brings its own copy of click or uses the installed one, so its errors are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        if not error.format_message():
            sys.exit(2)  # no command was given, and the help that typer then prints says it all
        _fail(_usage(error), 2)


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Print the version, if that is asked for."""
    if show_version:
        typer.echo(f"etude {__version__}")
        raise typer.Exit


@app.command("list")
def list_etudes() -> None:
    """List the études."""
    from etude.report.catalogue import say
    from etude.studies.etudes import ETUDES

    for etude in ETUDES:
        Console().print(f"{etude.name:16} {say(etude.question)}", highlight=False)


@app.command()
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
    _print(answer.folder, json=json, language=language)


@app.command()
def show(folder: Folder, language: Lang = "en", json: Json = False) -> None:
    """Print the answer of a stored study, or of a recorded training."""
    _print(folder, json=json, language=language)


@app.command()
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


@app.command()
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


@app.command()
def schedule(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help="Such as 'warmup(5%) > cosine(to=0.01)'.")],
    steps: Annotated[int, typer.Option(min=1, max=1_000_000, help="Horizon in optimizer steps.")] = 1000,
    peak: Annotated[float, typer.Option(help="Peak learning rate; 1 shows multiples of it.")] = 1.0,
    compare: Annotated[str | None, typer.Option(metavar="EXPR2", help="Another one, in the same frame.")] = None,
    epoch: Annotated[
        int | None, typer.Option(min=1, metavar="BATCHES", help="Batches of one epoch, for lengths such as 2ep.")
    ] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches whose gradients make one step.")] = 1,
    edge: Annotated[float | None, typer.Option(help="Learning rate beyond which your runs diverge, if known.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the same as a page into this file.")] = None,
    language: Lang = "en",
) -> None:
    """Draw a schedule of the learning rate, and say what is odd about it."""
    from etude.report.schedule_html import write_schedule_page
    from etude.report.schedule_view import Curve, print_schedules
    from etude.schedules.checks import positive
    from etude.schedules.lint import lint, steps_of_epoch
    from etude.schedules.notation import parse_schedule

    positive(peak, "--peak")
    if edge is not None:
        positive(edge, "--edge")
    curves = []
    for text in (expression, *([compare] if compare is not None else [])):
        plan = parse_schedule(text, steps, None if epoch is None else steps_of_epoch(epoch, accumulate))
        remarks = lint(plan, peak=peak, edge=edge, epoch=epoch, accumulate=accumulate)
        curves.append(Curve(text, tuple(peak * plan(t) for t in range(steps)), tuple(r.message for r in remarks)))
    print_schedules(curves, Console(), language)
    if html is not None:
        write_schedule_page(curves, html, language)
        typer.echo(html)


@app.command()
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
    budget: Annotated[int, typer.Option(help="Training steps that the search may take.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the initialization and the batches.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a report into this file.")] = None,
    language: Lang = "en",
    json: Json = False,
) -> None:
    """Find a peak learning rate by a ramp and short runs, or say why there is none."""
    from etude.integrations.finder.of_task import find_for_task

    answer = find_for_task(task, data, model, optimizer, momentum, batch_size, steps, budget, seed, schedule)
    typer.echo(answer.json() if json else answer.text(language))
    if html is not None:
        typer.echo(answer.write_report(html), err=json)


def _print(folder: Path, *, json: bool, language: Literal["en", "zh"]) -> None:
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


def _widths(text: str) -> tuple[int, ...]:
    from etude.core.errors import SpecError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SpecError(f"hidden widths are whole numbers with commas between, got {text!r}: write 128,64") from None


def _pair(text: str) -> tuple[str, str]:
    from etude.core.errors import SpecError

    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (name and equals and expression):
        raise SpecError(f"a scheduled hyperparameter is NAME=EXPR, got {text!r}: write momentum='linear(to=0.5)'")
    return name, expression


def _same_command(folder: Path, out: Path | None) -> str:
    words = ["etude", *sys.argv[1:]]
    return shlex.join(words if out else [*words, "--out", str(folder)])


def _usage(error: Any) -> str:
    """What typer found wrong with the arguments, with the value, which it leaves out, and where help is."""
    text = error.format_message().replace("Value error, ", "").rstrip(".")
    flags = [flag for flag in getattr(getattr(error, "param", None), "opts", []) if flag.startswith("-")]
    value = _value_of(flags, sys.argv)
    got = "" if value is None or repr(value) in text else f", got {value!r}"
    see = "" if text.endswith("?") else f"; see {error.ctx.command_path} --help"
    return f"{text[0].lower()}{text[1:]}{got}{see}"


def _value_of(flags: Sequence[str], words: Sequence[str]) -> str | None:
    for flag in flags:
        for word, following in zip(words, [*words[1:], None], strict=True):
            if word == flag:
                return following
            if word.startswith(f"{flag}="):
                return word.removeprefix(f"{flag}=")
    return None


def _fail(message: str, code: int) -> None:
    Console(stderr=True).print(
        f"etude: {message}", style="red" if code != CTRL_C else "", markup=False, highlight=False, soft_wrap=True
    )
    sys.exit(code)


_OPTIONS = (
    "data", "task", "model", "hidden", "activation", "lr", "seeds", "steps", "epochs", "batch_size", "optimizer", "momentum",
    "nesterov", "beta1", "beta2", "eps", "weight_decay", "schedule", "controller", "scheduled", "clip", "clip_value", "grid",
    "precision", "budget", "tolerance", "target",
)  # fmt: skip
