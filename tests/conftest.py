"""What every test stands on: one torch thread, and tools that CI may not lack."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which

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
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(requires("chromium")), args=arguments)
        yield browser
        browser.close()
