import sys
from dataclasses import replace
from pathlib import Path

import pytest

from etude.core.errors import UserError
from etude.report import png
from etude.report.page import Page
from etude.report.png import write_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def test_the_first_figure_is_drawn(generalization: Page, tmp_path: Path) -> None:
    import matplotlib.image

    assert write_png(generalization, tmp_path / "a.png") == "en"
    assert (tmp_path / "a.png").read_bytes().startswith(SIGNATURE)
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    assert pixels.shape[:2] == (880, 1440)
    assert (pixels[..., :3] < 0.5).any(axis=2).mean() > 0.01


def test_chinese_labels_are_drawn_where_there_is_a_chinese_font(generalization: Page, tmp_path: Path) -> None:
    if png._chinese_font() is None:
        pytest.skip("no Chinese font on this machine")
    assert (
        write_png(generalization, tmp_path / "a.png", "zh") == "zh"
    )  # a missing glyph would be a warning, so an error


def test_without_a_chinese_font_the_labels_are_english_and_a_warning_says_so(
    generalization: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "_chinese_font", lambda: None)
    with pytest.warns(UserWarning, match="No Chinese font"):
        assert write_png(generalization, tmp_path / "a.png", "zh") == "en"


def test_without_matplotlib_the_error_says_what_to_install(
    generalization: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r'pip install "etude\[png\]"'):
        write_png(generalization, tmp_path / "a.png")


def test_a_page_without_a_figure_against_the_learning_rate_is_refused(generalization: Page, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no figure"):
        write_png(replace(generalization, sections=()), tmp_path / "a.png")
