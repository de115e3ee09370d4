"""Make the pictures of the README: the top of the report of the default digits study, in both languages.

Needs Chromium and playwright; ``make images`` runs it.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import etude

IMAGES = Path(__file__).parent / "images"
WIDTH = 1200
MARGIN = 10
COLOURS = 128
"""Of the palette: the page has few hues, and a palette makes the file three times smaller."""


def main() -> None:
    """Run the study, or take the finished one, and take the pictures."""
    executable = shutil.which("chromium")
    if executable is None:
        sys.exit("make_images: needs Chromium: install the package chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        answer = etude.Study("convergence", data="digits", out=Path(folder) / "convergence").run()
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_context(
            viewport={"width": WIDTH, "height": 1800}, color_scheme="light", reduced_motion="reduce"
        ).new_page()
        page.goto((answer.folder / "report.html").as_uri())
        page.wait_for_selector(".plot .main-svg")
        if page.get_attribute("html", "lang") != "en":
            page.click("#language")
        take(page, IMAGES / "report.png")
        page.click("#language")
        take(page, IMAGES / "report-zh.png")
        browser.close()


def take(page: Any, file: Path) -> None:
    """Photograph the page from its top to the first figure's caption."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # until the figures have drawn themselves in the new language
    caption = page.locator("figure figcaption").first.bounding_box()
    height = caption["y"] + caption["height"] + MARGIN
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, full_page=True)
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
