"""The program, and how it tells of errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from etude import __version__
from etude.core.errors import EtudeError

app = typer.Typer(
    name="etude",
    help="What the learning rate does to your network, which one to use, and how sure that is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

CTRL_C = 130

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
