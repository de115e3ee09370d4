"""What every test stands on: one torch thread, tools that CI may not lack, and a browser to open reports in."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from time import monotonic
from typing import Any

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

# A shared machine may be slow at any moment, so no example has a deadline; CI tries the same examples every time.
settings.register_profile("etude", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("etude")


@pytest.fixture(scope="session")
def requires() -> Callable[[str | Path], Path]:
    """Find a program by its name, or a file by its path; without it a test is skipped, and under CI it fails."""

    def find(tool: str | Path) -> Path:
        found = str(tool) if isinstance(tool, Path) and tool.exists() else which(str(tool))
        if found is None:
            missing = f"needs {tool}, which is not installed; .ci/run installs it"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        return Path(found)

    return find


@pytest.fixture
def etude_says(monkeypatch, capsys):
    """Run ``etude`` with these words in this process; its exit code, stdout and stderr."""
    from etude.cli import main

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["etude", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        return (code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def chromium(requires):
    """A headless Chromium. It closes with its module: Playwright keeps an event loop running, which no fork survives."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * PATIENCE)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(requires("chromium")), args=arguments)
        yield browser
        browser.close()


PATIENCE = 20  # seconds until what should happen counts as not happening; a busy machine takes its time


class Visit:
    """A report in the browser, offline, and everything that it complained about or asked the network for.

    The browser answers an action when it likes. So whatever is read after one is waited for: a state of the document
    with Playwright's ``expect``, anything else with ``soon``. That nothing changed is read after ``settle``.
    """

    def __init__(self, browser: Any, file: Path, **context: Any) -> None:
        settings = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce", "offline": True} | context
        self.page = browser.new_context(**settings).new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(f"console {m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.on("request", lambda r: self._requested(r.url, file))
        self.page.on("dialog", lambda d: (self.faults.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.goto(file.as_uri())
        self.drawn()

    def _requested(self, url: str, file: Path) -> None:
        if not url.startswith((file.as_uri(), "data:", "blob:")):
            self.faults.append(f"request: {url}")

    def soon(self, read: Callable[[], Any] | str, expected: Any = True) -> None:
        """Read, by a function or in JavaScript, until this is seen; Playwright's own way needs eval, which is forbidden."""
        over = monotonic() + PATIENCE
        while (seen := self.page.evaluate(read) if isinstance(read, str) else read()) != expected:
            assert monotonic() < over, f"after {PATIENCE} s: {seen!r}, not {expected!r}"
            self.page.wait_for_timeout(50)

    def settle(self) -> None:
        """Wait until what was changed is drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def drawn(self) -> None:
        """Wait until the page, just loaded, has drawn its figures."""
        self.page.wait_for_selector(".plot .main-svg")
        self.soon("[...document.querySelectorAll('.plot')].every(box => box.data)")
        self.settle()

    def speak(self, language: str) -> None:
        if not str(self.page.evaluate("document.documentElement.lang")).startswith(language):
            self.page.click("#language")
            self.soon(f"document.documentElement.lang.startsWith('{language}')")
            self.settle()

    def slide(self, slider: str, value: int) -> None:
        """Move a slider as a mouse does, without the mouse."""
        script = "(s, value) => { s.value = value; s.dispatchEvent(new Event('input')); }"
        self.page.locator(slider).evaluate(script, value)


@pytest.fixture(scope="module")
def visiting(chromium):
    """Open a file for as long as a ``with`` lasts, in a window of its own; at its end the page has no fault."""

    @contextmanager
    def visiting(file: Path, **context: Any) -> Iterator[Visit]:
        visit = Visit(chromium, file, **context)
        yield visit
        visit.page.context.close()
        assert visit.faults == []

    return visiting
