"""The command that draws schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from etude.cli.app import Lang


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
