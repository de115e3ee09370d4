"""One self-contained HTML file: opens offline, speaks both languages, runs nothing that a name could smuggle in.

Texts go through jinja2's autoescape or, in the script, through ``textContent``; data are JSON in which ``<``, ``>`` and
``&`` are escaped; the content security policy admits exactly the scripts of this module, by their hashes, and no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from etude.report.data import note_on_table, notes_on, page_data, table_behind
from etude.report.field_data import has_missing
from etude.report.figures import BandFigure, HeatFigure, LineFigure, RaceFigure, SurfaceFigure
from etude.report.numbers import NOTHING, number
from etude.report.page import Cell, CurveFigure, Figure, LrFigure, Page, Table
from etude.report.words import Both, both, estimate, word

_BREAKS = re.compile(
    r"(?<=η) =? ?(?=[\d−])|(?<=[|‖]) ≤ (?=\d)|(?<=\d) (?=[%→])|(?<=→) (?=\d)|(?<=\d) (?=\[\d)"
    r"|(?<=\[)([^\[\],]*), (?=[^\[\],]*\])|(?<=\d)/(?=[λη(])"
)
_INDEX = re.compile(r"(?<![A-Za-z0-9])([σδλhz])_([a-z]+)")
_FIGURES = {
    LrFigure: "lr",
    CurveFigure: "curve",
    RaceFigure: "race",
    HeatFigure: "heat",
    LineFigure: "line",
    SurfaceFigure: "surface",
    BandFigure: "band",
}
_SCRIPTS = ("plots.js", "ruler.js", *(f"{kind}_figure.js" for kind in _FIGURES.values()), "controls.js", "page.js")


def write_html(page: Page, path: Path) -> None:
    """Write the page to ``path``."""
    path.write_text(render_html(page), encoding="utf-8")


def render_html(page: Page) -> str:
    """The page as one HTML file.

    The reader's browser chooses the language at first; the toggle keeps its choice in the address (``#lang=zh``).
    """
    plotly, script = Markup(get_plotlyjs()), Markup(_scripts())  # noqa: S704 - our own code, admitted by hash
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            plotly=plotly,
            script=script,
            style=Markup(_asset("page.css")),  # noqa: S704 - our own style sheet
            policy=_policy(plotly, script),
            data=_json(page_data(page)),
        )
    )


def _policy(*scripts: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    admitted = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {admitted}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(data: Any) -> Markup:
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character that HTML reads is left


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("etude.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"both": both, "word": word, "has_missing": has_missing}
    environment.tests |= {"followed_by": _is_followed}
    environment.globals |= {"table_behind": table_behind, "notes_on": notes_on, "note_on_table": note_on_table}
    environment.filters |= {"cell": _cell, "estimate": estimate, "unbroken": _unbroken, "kind": _kind}
    return environment


def _asset(name: str) -> str:
    return files("etude.report").joinpath("assets", name).read_text(encoding="utf-8")


def _scripts() -> str:
    body = "\n".join(_asset(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{body}\n}})();'


def _kind(figure: Figure) -> str:
    return _FIGURES[type(figure)]


def _is_followed(figure: Figure, page: Page) -> bool:
    """Whether the page's own slider goes through all learning rates of a figure, which then needs none."""
    if not isinstance(figure, HeatFigure):
        return False
    return all(any(math.isclose(frame.lr, at.lr, rel_tol=1e-6) for at in page.at) for frame in figure.frames)


def _cell(cell: Cell, table: Table, column: int) -> Both:
    if isinstance(cell, bool | int):
        return both(str(cell))
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return both(NOTHING)
    return both(number(cell, table.columns[column].format) if isinstance(cell, float) else cell)


def _unbroken(text: str) -> Markup:
    """Keep "η = 0.1", "‖g‖ ≤ 1", "5 %", "[0.1, 0.2]" and "2/λmax" on one line; set "σ_w" with an index."""
    kept = _BREAKS.sub(lambda found: found[0].replace(" ", "\u00a0").replace("/", "/\u2060"), text)
    return Markup(_INDEX.sub(r"\1<sub>\2</sub>", str(escape(kept))))  # noqa: S704 - escaped before
