"""The HTML file as text: what can be known without a browser."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from etude.report.html import _unbroken, render_html, write_html
from etude.report.page import CurveFigure, LrFigure, Page


@pytest.mark.parametrize("study", ["convergence", "generalization"])
def test_the_file_is_one_and_smaller_than_seven_megabytes(
    study: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_html(request.getfixturevalue(study), tmp_path / "report.html")
    assert [f.name for f in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").stat().st_size < 7e6


def test_a_large_study_is_thinned_and_says_so(convergence: Page) -> None:
    figure = convergence.figures[1]
    assert isinstance(figure, CurveFigure)
    curves = tuple(
        replace(c, **{n: getattr(c, n).repeat(40) for n in ("mean", "low", "high")}, steps=c.steps[0] + _count(c, 40))
        for c in figure.curves
    )
    section = replace(convergence.sections[1], figures=(replace(figure, curves=curves),))
    html = render_html(replace(convergence, sections=(convergence.sections[0], section)))
    assert len(html) < 7e6
    assert "thinned to 400 of 8040 points" in html
    assert "8040 个点抽稀到 400 个点" in html
    assert "thinned" not in render_html(convergence).split('<script type="application/json"')[0]


def _count(curve: object, times: int) -> object:
    import numpy as np

    return np.arange(float(len(curve.steps) * times))  # type: ignore[attr-defined]


def test_the_policy_admits_no_request_and_only_scripts_by_hash(convergence: Page) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', render_html(convergence))
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#39;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[A-Za-z0-9+/=]{44}' ?){2}", rules["script-src"])
    assert "connect-src" not in rules


def test_the_data_are_escaped_json(convergence: Page, with_text: Callable[[Page, str], Page]) -> None:
    hostile = "</script><script>alert(1)</script>&amp;\u2028"
    html = render_html(with_text(convergence, hostile))
    data = html.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028") & set(data)
    assert json.loads(data)["title"] == {"en": hostile, "zh": hostile}
    assert "<script>alert" not in html


def test_points_beyond_the_border_are_announced(convergence: Page) -> None:
    figure = convergence.figures[0]
    assert isinstance(figure, LrFigure)
    section = replace(convergence.sections[0], figures=(replace(figure, y_limits=(0.1, 1.0)),))
    assert "Triangles at the border" in render_html(replace(convergence, sections=(section,)))
    assert "Triangles at the border" not in render_html(convergence)


def test_what_belongs_together_stays_on_one_line(convergence: Page) -> None:
    html = render_html(convergence)
    assert "best is η\u00a0=\u00a00.13\u00a0[0.09,\u00a00.18]; use η\u00a0=\u00a00.079." in html
    assert "within 5\u00a0%, and beyond" in html
    assert _unbroken("at 2/λmax, 3/4 or a/b") == "at 2/\u2060λmax, 3/4 or a/b"


def test_a_page_with_nothing_but_an_answer_renders(convergence: Page) -> None:
    bare = Page("s", convergence.title, convergence.answer, (), (), (), (), "etude run s")
    html = render_html(bare)
    assert 'id="pick"' not in html
    assert "etude run s" in html
