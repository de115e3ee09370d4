"""The report of a real study, opened in a browser: what a reader of the README's first command meets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import etude

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["convergence", "generalization"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> etude.Answer:
    out = tmp_path_factory.mktemp(request.param) / "study"
    options = {"lr": "1e-3:1:8", "seeds": 3, "steps": 80}
    return etude.Study(request.param, data="digits", out=out, **options).run(workers=1)


@pytest.fixture(scope="module")
def visit(study: etude.Answer, visiting: Any) -> Iterator[Any]:
    with visiting(study.folder / "report.html") as opened:
        yield opened


def test_it_speaks_two_languages_and_follows_the_picked_learning_rate(study: etude.Answer, visit: Any) -> None:
    assert (study.folder / "report.html").stat().st_size < 7_000_000
    main, facts = visit.page.locator("main"), visit.page.locator("[aria-live]").first
    expect(main).to_contain_text(study.text("en").splitlines()[0], use_inner_text=True)
    visit.page.click("#language")
    expect(main).to_contain_text(study.text("zh").splitlines()[0], use_inner_text=True)
    expect(visit.page.locator("html")).to_have_attribute("lang", "zh-Hans")

    slider = visit.page.locator("input[type=range]").first
    before = facts.inner_text()
    slider.focus()
    slider.press("Home")
    expect(facts).not_to_have_text(before, use_inner_text=True)


def test_axe_finds_no_violation(visit: Any) -> None:
    result = Axe().run(visit.page)
    assert result.violations_count == 0, result.generate_report()
