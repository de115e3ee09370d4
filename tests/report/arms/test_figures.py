"""What the records refuse, what the script gets, what stands beneath the figures, in the terminal and in a PNG."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from etude.analysis.statistics import t_interval
from etude.core.message import Message
from etude.report.catalogue import Language
from etude.report.data import figure_data, note_on_table, notes_on, page_data, table_behind
from etude.report.figures import Arm, BandPanel, HeatAxis, HeatFigure, Line, Mark, RaceFigure, Trajectory
from etude.report.html import render_html
from etude.report.json import findings_json
from etude.report.packing import thinned
from etude.report.page import AtLr, Page
from etude.report.png import _chinese_font, write_png
from etude.report.race_data import lanes, letters, ranked_groups, ranking
from etude.report.terminal import print_page

NAN = float("nan")
WORD = Message("page.axis.loss")
Of = Callable[[str], Any]


def race_of(values: list[float], groups: tuple[tuple[int, ...], ...] = (), *, lower: bool = True) -> RaceFigure:
    arms = tuple(Arm(str(i), value) for i, value in enumerate(values))
    return RaceFigure("r", WORD, WORD, WORD, WORD, arms, groups, lower)


def test_the_best_arm_comes_first_and_those_without_a_number_last() -> None:
    assert ranking(race_of([2.0, NAN, 1.0, 3.0])) == [2, 0, 3, 1]
    assert ranking(race_of([2.0, NAN, 1.0, 3.0], lower=False)) == [3, 0, 2, 1]


def test_groups_are_told_by_rank_and_sets_of_one_are_left_out() -> None:
    assert ranked_groups(race_of([3.0, 1.0, 2.0], ((2,), (0, 2), (1, 2)))) == [[0, 1], [1, 2]]


@given(
    st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.sets(st.integers(0, n - 1)), max_size=8)))
)
def test_two_arms_share_a_letter_exactly_when_they_share_a_group(case: tuple[int, list[set[int]]]) -> None:
    n, groups = case
    marks = letters(race_of([float(i) for i in range(n)], tuple(tuple(g) for g in groups)))
    assert all(marks)
    for a in range(n):
        for b in range(a):
            together = any({a, b} <= group for group in groups)
            assert bool(set(marks[a]) & set(marks[b])) == together


@given(st.lists(st.sets(st.integers(0, 9), min_size=2).map(sorted), max_size=8).map(sorted))
def test_bars_in_one_lane_never_overlap(groups: list[list[int]]) -> None:
    placed = list(zip(lanes(groups), groups, strict=True))
    for i, (lane, group) in enumerate(placed):
        assert all(group[0] > other[-1] for before, other in placed[:i] if before == lane)


@given(st.lists(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=4), min_size=2, max_size=5))
def test_no_interval_of_a_positive_quantity_reaches_below_zero_and_the_caption_says_what_is_missing(
    seeds: list[list[float]],
) -> None:
    arms = tuple(Arm(str(i), float(np.mean(own)), *t_interval(np.array(own))) for i, own in enumerate(seeds))
    figure = RaceFigure("r", WORD, WORD, WORD, WORD, arms)
    shown = [arm["low"] for arm in figure_data(figure)["arms"]]
    assert all(low is None or low >= 0 for low in shown)
    assert bool(notes_on(figure)) == any(low is None for low in shown)
    assert not any("−" in cell["en"] for row in table_behind(figure)[1] for cell in row[2:3])
    assert not notes_on(replace(figure, arms=(*arms, Arm("below", -1.0))))


def test_a_figure_has_a_slider_of_its_own_only_where_the_page_has_none_for_it(arms: Page) -> None:
    assert 'id="frame-layers"' in render_html(arms)
    (layers,) = (f for f in arms.figures if isinstance(f, HeatFigure) and f.frames)
    picked = replace(arms, at=tuple(AtLr(frame.lr, ()) for frame in layers.frames), picked=layers.frames[0].lr)
    assert 'id="frame-layers"' not in render_html(picked)


def test_a_group_of_arms_that_are_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"indices below 2 arms, got \[2, 5\]"):
        race_of([1.0, 2.0], ((0, 2), (1, 5)))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Mark(NAN, "x"), "a finite value to mark, got nan"),
        (lambda: Line("x", np.zeros(3), np.zeros(2)), r"arrays of one length in Line, got \[3, 2\]"),
        (lambda: Line("x", np.zeros(3), np.zeros(3), low=np.zeros(3)), "both low and high"),
        (lambda: HeatAxis(WORD, np.array([1.0, 1.0])), "increasing numbers"),
        (lambda: HeatAxis(WORD, np.array([0.0, 1.0]), log=True), "positive numbers on a logarithmic axis, got 0"),
        (lambda: Trajectory(0.1, np.zeros((2, 3))), r"shape \(T, 2\) in Trajectory, got \(2, 3\)"),
        (lambda: BandPanel("x", np.zeros(4), np.zeros((4, 3))), r"shape \(4, 5\) in BandPanel, got \(4, 3\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_values_that_do_not_fit_the_axes_are_refused(of: Of) -> None:
    with pytest.raises(ValueError, match=r"shape \(y, x\) = \(3, 5\) in HeatFigure, got \(5, 3\): transpose"):
        replace(of("warmup"), values=of("warmup").values.T)
    with pytest.raises(ValueError, match=r"= \(17, 21\) in SurfaceFigure, got \(21, 17\): transpose"):
        replace(of("surface"), values=of("surface").values.T)


def test_the_data_are_valid_json_without_nan_and_small(arms: Page) -> None:
    text = json.dumps(page_data(arms), allow_nan=False)
    kinds = [figure["kind"] for figure in json.loads(text)["figures"]]
    assert kinds == ["race", "lr", "heat", "heat", "line", "surface", "band"]
    assert len(render_html(arms)) < 7e6


def test_a_long_heat_map_keeps_first_and_last_column_and_says_so(of: Of) -> None:
    data = figure_data(of("layers"))
    assert len(data["x"]["numbers"]) == len(data["frames"][0]["values"][0]) == 200
    assert (data["x"]["numbers"][0], data["x"]["numbers"][-1]) == (0, 300)
    assert data["frames"][0]["values"][0][-1] == 0.01
    assert data["start"] == 1
    assert [note.key for note in notes_on(of("layers"))] == ["page.columns_thinned"]


def test_a_frame_stays_on_its_cell_when_columns_are_thinned(of: Of) -> None:
    figure: HeatFigure = of("layers")
    kept = figure_data(figure)["x"]["numbers"]
    marked = tuple(replace(frame, marks=((2, 300), (1, 0), (0, 1))) for frame in figure.frames)
    assert figure_data(replace(figure, frames=marked))["frames"][0]["marks"] == [(2, 199), (1, 0)] + (
        [(0, kept.index(1))] if 1 in kept else []
    )


def test_colours_span_all_frames_and_leave_out_what_has_no_logarithm(of: Of) -> None:
    assert figure_data(of("layers"))["limits"] == (0.00125, 2.0)
    flat = replace(of("warmup"), values=np.zeros((3, 5)))
    assert figure_data(flat)["limits"] == (1.0, 10.0)


def test_a_trajectory_ends_where_it_diverged(of: Of) -> None:
    path = figure_data(of("surface"))["panels"][0]["trajectories"][2]
    assert path["diverged"]
    assert len(path["x"]) == len(path["y"]) < 61
    assert max(map(abs, path["y"])) <= 150
    headings, rows = table_behind(of("surface"))
    assert [h["en"] for h in headings] == ["method", "η", "steps", "start", "end"]
    assert rows[2][2]["en"] == str(len(path["x"]) - 1)
    assert rows[0][3]["en"] == "(−1.8, 1.2)"


def test_a_long_trajectory_is_thinned_by_whole_steps(of: Of) -> None:
    long = Trajectory(0.1, np.zeros((3000, 2)), every=2)
    panel = replace(of("surface").panels[0], trajectories=(long,))
    path = figure_data(replace(of("surface"), panels=(panel,)))["panels"][0]["trajectories"][0]
    assert (path["every"], len(path["x"])) == (10, 600)


def test_bands_keep_the_spikes_of_both_ends(of: Of) -> None:
    panel = of("bands").panels[0]
    steps = np.arange(5000.0)
    quantiles = np.ones((5000, 5)) * [1, 2, 3, 4, 5]
    quantiles[1234, 4], quantiles[4321, 0] = 99.0, 0.01
    data = figure_data(replace(of("bands"), panels=(replace(panel, steps=steps, quantiles=quantiles),)))["panels"][0]
    assert len(data["steps"]) <= 400
    assert (max(data["quantiles"][4]), min(data["quantiles"][0])) == (99.0, 0.01)


@given(st.integers(1, 2000))
def test_thinning_a_line_keeps_at_most_its_limit_in_order(count: int) -> None:
    index = thinned(np.sin(np.arange(count) * 0.7), 100)
    assert len(index) <= 100
    assert (np.diff(index) > 0).all()


def test_the_table_behind_a_race_ranks_its_arms(of: Of) -> None:
    headings, rows = table_behind(of("race"))
    assert [h["zh"] for h in headings] == ["名次", "方案", "验证损失", "组别", "备注"]
    assert [cell["en"] for cell in rows[0][:2]] == ["1", "cosine 0"]
    assert rows[1][3]["en"] == "ab"
    assert (rows[-1][1]["en"], rows[-1][2]["en"], rows[-1][2]["zh"]) == ("diverging", "diverged", "发散")


def test_the_table_behind_a_heat_map_has_its_rows_or_those_of_every_frame(of: Of) -> None:
    headings, rows = table_behind(of("warmup"))
    assert [h["en"] for h in headings] == ["step", "0.01", "0.03162", "0.1", "0.3162", "1"]
    assert [cell["zh"] for cell in rows[0][4:]] == ["发散", "发散"]
    headings, rows = table_behind(of("layers"))
    assert (len(headings), len(rows)) == (11, 12)
    assert rows[0][:2] == [{"en": "0.01", "zh": "0.01"}, {"en": "layers.0.weight", "zh": "layers.0.weight"}]
    assert note_on_table(of("layers")) == Message("page.excerpt_heat")
    assert note_on_table(of("warmup")) is None


def test_the_table_behind_lines_interpolates_nothing(of: Of) -> None:
    headings, rows = table_behind(of("lines"))
    assert [h["en"] for h in headings[:3]] == ["line", "at 0", "at 124"]
    measured = rows[20]
    assert [cell["en"] for cell in measured[:3]] == ["measured", "1", "–"]


def test_the_table_behind_bands_tells_first_middle_and_last(of: Of) -> None:
    headings, rows = table_behind(of("bands"))
    assert [h["en"] for h in headings] == ["arm", "first step", "middle", "last step"]
    assert rows[0][1]["en"] == "1 [0.1, 10]"


def test_every_legend_has_a_button_for_each_measured_series_and_the_first_six_panels_are_chosen(arms: Page) -> None:
    html = render_html(arms)
    for name, count, pressed in (("arms", 20, 20), ("lines", 21, 21), ("bands", 8, 6)):
        legend = html.split(f'id="toggles-{name}"')[1].split("</ul>")[0]
        assert legend.count("data-series=") == count
        assert legend.count('aria-pressed="true"') == pressed


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 90])
def test_a_race_is_printed_as_a_table_within_the_terminal(arms: Page, language: Language, width: int) -> None:
    console = Console(file=StringIO(), width=width)
    print_page(arms, console, language)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert {"en": "diverged", "zh": "发散"}[language] in text or width < 60  # words fold in narrow columns
    assert {"en": "share a letter", "zh": "相同字母"}[language] in " ".join(text.split())
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "against η" not in text


def test_the_winners_are_printed_in_bold_and_brackets_are_not_markup(arms: Page) -> None:
    figure = race_of([1.0, 2.0])
    arm = replace(figure.arms[0], name="[red]x[/]", won=True)
    section = replace(arms.sections[0], figures=(replace(figure, arms=(arm, figure.arms[1])),))
    console = Console(file=StringIO(), width=80, force_terminal=True)
    print_page(replace(arms, sections=(section,)), console)
    assert isinstance(console.file, StringIO)
    assert "\x1b[1m[red]x[/]" in console.file.getvalue()


def test_findings_as_json_do_not_depend_on_the_figures(arms: Page, convergence: Page) -> None:
    bare = replace(arms, sections=())
    assert findings_json(bare) == findings_json(arms)
    assert json.loads(findings_json(arms))["findings"] == json.loads(findings_json(convergence))["findings"]


@pytest.mark.parametrize("name", ["race", "arms", "warmup", "layers", "lines", "surface", "bands"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_kind_of_figure_is_drawn_as_a_png(
    arms: Page, of: Of, name: str, language: Language, tmp_path: Path
) -> None:
    import matplotlib.image

    if language == "zh" and _chinese_font() is None:
        pytest.skip("no Chinese font on this machine")
    section = replace(arms.sections[0], figures=(of(name),))
    assert write_png(replace(arms, sections=(section,)), tmp_path / "a.png", language) == language
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    assert pixels.shape[1] == 1440
    assert (pixels[..., :3] < 0.5).any(axis=2).mean() > 0.005


def test_dollar_signs_in_a_name_are_no_formula(arms: Page, tmp_path: Path) -> None:
    figure = race_of([1.0, 2.0])
    priced = replace(figure, arms=(replace(figure.arms[0], name=r"costs $\nonsense{$ and $5$"), figure.arms[1]))
    write_png(replace(arms, sections=(replace(arms.sections[0], figures=(priced,)),)), tmp_path / "a.png")
