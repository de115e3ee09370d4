"""A schedule as a small page: one drawing that needs no script, the same numbers and remarks as in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from etude.core.errors import UserError
from etude.core.message import Message
from etude.report.catalogue import Language, say
from etude.report.numbers import number
from etude.report.schedule_view import Curve, said_of, table_rows

_WIDTH, _HEIGHT, _LEFT, _BELOW = 760, 300, 70, 30  # drawing area, and the margins of its labels [pixels]
_COLUMNS = 760
_STYLE = """
:root { --ink: #1c1c1c; --paper: #fdfdfb; --soft: #5c5c5c; --a: #0b6e8f; --b: #b3560b; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --paper: #17181a; --soft: #a9a9a9; --a: #58c1e3; --b: #f0a35e; } }
body { background: var(--paper); color: var(--ink); font: 1rem/1.5 Georgia, serif; }
main { max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; }
svg text { fill: var(--soft); font: 13px sans-serif; }
.axis { stroke: var(--soft); } .c0 { stroke: var(--a); } .c1 { stroke: var(--b); stroke-dasharray: 7 4; }
svg.key { width: 3rem; height: .6rem; }
polyline { fill: none; stroke-width: 2; } table { border-collapse: collapse; } code { overflow-wrap: anywhere; }
th, td { text-align: right; padding: .1rem .8rem; } tfoot { border-top: 1px solid var(--soft); }
"""


def schedule_page(curves: Sequence[Curve], language: Language = "en") -> str:
    """One or two curves as a page that opens anywhere, without a network; names are never read as markup."""
    names = [f"<code>{escape(curve.name)}</code>" for curve in curves]
    values, summary = table_rows(curves, language)
    legend = "".join(
        f'<p><svg class="key" viewBox="0 0 48 8" aria-hidden="true"><polyline class="c{i}" points="0,4 48,4"/>'
        f"</svg> {name}</p>"
        for i, name in enumerate(names)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    steps = max(len(curve.lrs) for curve in curves)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{_title(curves, language)}</title>'
        f"<style>{_STYLE}</style></head><body><main>"
        f"<h1>{_said('title', language, steps=steps)}</h1>{_drawing(curves, language)}{legend}{_remarks(curves, language)}"
        f'<h2>{_said("values", language)}</h2><table><thead><tr><th scope="col">{_said("step", language)}</th>{head}</tr>'
        f"</thead><tbody>{_rows(values)}</tbody><tfoot>{_rows(summary)}</tfoot></table></main></body></html>\n"
    )


def write_schedule_page(curves: Sequence[Curve], path: Path, language: Language = "en") -> None:
    """Write the page into a file.

    Raises:
        UserError: When the file cannot be written.
    """
    try:
        path.write_text(schedule_page(curves, language), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}): choose another --html") from error


def _said(key: str, language: Language, **values: int | str) -> str:
    """A message of the drawing, as markup."""
    return escape(say(Message(f"schedule.{key}", dict(values)), language))


def _title(curves: Sequence[Curve], language: Language) -> str:
    if len(curves) == 1:
        return escape(curves[0].name)
    return _said("against", language, first=curves[0].name, second=curves[1].name)


def _remarks(curves: Sequence[Curve], language: Language) -> str:
    items = "".join(f"<li>{escape(said_of(c, r, curves, language))}</li>" for c in curves for r in c.remarks)
    return f"<h2>{_said('remarks', language)}</h2><ul>{items}</ul>" if items else ""


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )


def _drawing(curves: Sequence[Curve], language: Language) -> str:
    top = max(max(curve.lrs) for curve in curves) or 1.0
    horizon = max(len(curve.lrs) for curve in curves)
    lines = "".join(f'<polyline class="c{i}" points="{_points(c.lrs, top, horizon)}"/>' for i, c in enumerate(curves))
    axis = _said("axis", language)
    labels = "".join(
        f'<text x="{_LEFT - 8}" y="{_HEIGHT * (1 - share) + 14:.0f}" text-anchor="end">{number(top * share)}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    return (
        f'<svg role="img" aria-label="{axis}" viewBox="0 0 {_LEFT + _WIDTH + 10} {_HEIGHT + _BELOW + 20}">'
        f'<g transform="translate({_LEFT} 10)"><path class="axis" fill="none" d="M0 0V{_HEIGHT}H{_WIDTH}"/>{lines}'
        f'<text x="0" y="{_HEIGHT + 20}">0</text><text x="{_WIDTH}" y="{_HEIGHT + 20}" text-anchor="end">'
        f"{_said('last', language, step=horizon)}</text>"
        f"</g>{labels}</svg>"
    )


def _points(lrs: Sequence[float], top: float, horizon: int) -> str:
    """Corners of the curve: each step, or for long runs the lowest and the highest of each pixel column."""
    stride = max(len(lrs) // _COLUMNS, 1)
    corners: list[tuple[int, float]] = []
    for start in range(0, len(lrs), stride):
        part = range(start, min(start + stride, len(lrs)))
        low, high = min(part, key=lrs.__getitem__), max(part, key=lrs.__getitem__)
        corners += [(t, lrs[t]) for t in sorted({low, high, part[-1]})]
    return " ".join(f"{t / max(horizon - 1, 1) * _WIDTH:.1f},{(1 - lr / top) * _HEIGHT:.1f}" for t, lr in corners)
