"""The report of a real study, opened in a browser: what a reader of the README's first command meets."""

from __future__ import annotations

from typing import Any

import pytest

import etude

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["convergence", "generalization"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> etude.Answer:
    out = tmp_path_factory.mktemp(request.param) / "study"
    options = {"lr": "1e-3:1:8", "seeds": 3, "steps": 80}
    return etude.Study(request.param, data="digits", out=out, **options).run(workers=1)


def spaced(text: str) -> str:
    """Text with every kind of space made plain."""
    return " ".join(text.split())


def test_it_opens_offline_speaks_two_languages_and_follows_the_picked_learning_rate(
    study: etude.Answer, chromium: Any
) -> None:
    report = study.folder / "report.html"
    assert report.stat().st_size < 7_000_000
    page = chromium.new_context(offline=True, viewport={"width": 1200, "height": 900}).new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text))
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else faults.append(r.url))
    page.goto(report.as_uri() + "#lang=en")
    page.wait_for_selector(".plot .main-svg")

    assert spaced(study.text("en").splitlines()[0]) in spaced(page.locator("main").inner_text())
    page.click("#language")
    assert spaced(study.text("zh").splitlines()[0]) in spaced(page.locator("main").inner_text())
    assert page.evaluate("document.documentElement.lang").startswith("zh")

    slider = page.locator("input[type=range]").first
    before = page.locator("[aria-live]").first.inner_text()
    slider.focus()
    slider.press("Home")
    page.wait_for_timeout(200)
    assert page.locator("[aria-live]").first.inner_text() != before
    assert faults == []


def test_axe_finds_no_violation(study: etude.Answer, chromium: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page()
    page.goto((study.folder / "report.html").as_uri())
    page.wait_for_selector(".plot .main-svg")
    assert Axe().run(page).violations_count == 0
