"""The command ``etude``. Thin: it turns flags into options and errors into one sentence."""

from etude.cli.answers import diagnose, report, show
from etude.cli.app import app, main
from etude.cli.finder import find
from etude.cli.schedules import schedule
from etude.cli.study import list_etudes, run

app.command("list")(list_etudes)
for command in (run, show, report, diagnose, schedule, find):
    app.command()(command)

__all__ = ["app", "main", "schedule"]
