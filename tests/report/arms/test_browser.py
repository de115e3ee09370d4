"""The figures that compare arms in headless Chromium, with the mouse, the keyboard and a narrow screen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from etude.report.html import write_html
from etude.report.page import AtLr, Page

pytestmark = pytest.mark.browser
FIGURES = ("race", "arms", "warmup", "layers", "lines", "surface", "bands")


class Visit:
    """A page in the browser, and everything that it complained about."""

    def __init__(self, chromium: Any, file: Path, **context: Any) -> None:
        settings = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"} | context
        self.page = chromium.new_context(**settings).new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(f"console {m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(".plot .main-svg")
        self.settle()

    def settle(self) -> None:
        """Wait until what was changed is drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression holds; Playwright's own way needs eval, which the page's policy forbids."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never held: {condition}")

    def data(self, figure: str, of: str) -> Any:
        """Something of each trace that is drawn, ``t``."""
        self.settle()
        return self.page.evaluate(f"document.getElementById('{figure}').data.map(t => {of})")

    def speak(self, language: str) -> None:
        if not str(self.page.evaluate("document.documentElement.lang")).startswith(language):
            self.page.click("#language")
            self.settle()


@pytest.fixture(scope="module")
def file(arms: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report") / "report.html"
    write_html(arms, made)
    return Path(made)


@pytest.fixture(scope="module")
def visit(chromium: Any, file: Path) -> Iterator[Visit]:
    opened = Visit(chromium, file)
    yield opened
    assert opened.faults == []


def test_every_figure_is_drawn_without_a_picker_and_without_a_fault(visit: Visit) -> None:
    drawn = visit.page.evaluate("[...document.querySelectorAll('.plot')].filter(b => b.data.length > 0).map(b => b.id)")
    assert tuple(drawn) == FIGURES
    assert visit.page.locator("#pick").count() == 0
    assert visit.faults == []


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "zh")])
def test_axe_finds_no_violation(visit: Visit, scheme: str, language: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.speak(language)
    visit.page.locator("#figure-race details").evaluate("d => { d.open = true; }")
    result = Axe().run(visit.page)
    visit.page.emulate_media(color_scheme="light")
    assert result.violations_count == 0, result.generate_report()


def test_nothing_is_wider_than_a_phone_and_no_label_is_cut_off(chromium: Any, file: Path) -> None:
    visit = Visit(chromium, file, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for language in ("en", "zh"):
        visit.speak(language)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        cut = visit.page.evaluate("""() => [...document.querySelectorAll(".plot")].flatMap(box => {
            const frame = box.querySelector(".main-svg").getBoundingClientRect();
            return [...box.querySelectorAll(".main-svg text")].filter(t => {
                const r = t.getBoundingClientRect();
                return r.width > 0 && (r.left < frame.left - 1 || r.right > frame.right + 1 || r.bottom > frame.bottom + 1);
            }).map(t => `${box.id}: ${t.textContent}`);
        })""")
        assert cut == []
    assert visit.faults == []


def test_the_race_ranks_its_arms_from_top_to_bottom(visit: Visit) -> None:
    visit.speak("en")
    rows = visit.page.evaluate("""[...document.querySelectorAll("#race .annotation-text")].map(t => t.textContent)""")
    assert rows[0] == "cosine 0"
    assert rows[-2:] == ["diverging", "diverged"]
    assert visit.data("race", "t.xaxis === 'x2' ? t.y.length : 0")[-3:] == [3, 4, 2]


def visible(visit: Visit, figure: str) -> int:
    return sum(visit.data(figure, "t.hoverinfo === 'skip' ? 0 : 1"))


def test_the_keyboard_hides_and_shows_series(visit: Visit) -> None:
    first = visit.page.locator("#toggles-lines button").first
    first.focus()
    assert visible(visit, "lines") == 22
    visit.page.keyboard.press("Space")
    assert first.get_attribute("aria-pressed") == "false"
    assert visible(visit, "lines") == 21
    visit.page.keyboard.press("Space")
    assert (first.get_attribute("aria-pressed"), visible(visit, "lines")) == ("true", 22)
    visit.page.click("#toggles-lines [data-all=false]")
    assert visible(visit, "lines") == 0
    visit.page.click("#toggles-lines [data-all=true]")
    assert visible(visit, "lines") == 22


def test_pointing_at_a_name_lights_its_series_up(visit: Visit) -> None:
    visit.page.locator("#toggles-lines button").nth(2).hover()
    opacity = "t.hoverinfo === 'skip' ? null : t.opacity ?? 1"
    assert [v for v in visit.data("lines", opacity) if v is not None] == [0.15] * 2 + [1] + [0.15] * 19
    visit.page.mouse.move(0, 0)
    assert set(visit.data("lines", opacity)) == {None, 1}


def test_lines_go_on_across_grids_of_other_arms_and_details_appear_when_few_are_shown(visit: Visit) -> None:
    assert set(visit.data("arms", "t.y.includes(null)")) == {False}
    assert visible(visit, "arms") == 20
    visit.page.click("#toggles-arms [data-all=false]")
    visit.page.locator("#toggles-arms button").first.click()
    visit.page.mouse.move(0, 0)
    assert visit.data("arms", "t.fill ?? t.mode") == [
        "toself",
        "markers",
        "lines+markers",
        *["lines", "markers", "text"],
    ]
    visit.page.click("#toggles-arms [data-all=true]")


def test_numbers_stand_in_their_cells_black_or_white_where_there_is_one(visit: Visit) -> None:
    cells = visit.page.evaluate("""document.getElementById("warmup").layout.annotations.slice(1).map(
        a => [a.text, a.font.color])""")
    assert len(cells) == 13
    assert ["0.05", "#ffffff"] in cells  # on the dark end of the scale
    assert ["1.05", "#000000"] in cells  # on the pale end


def test_the_slider_of_a_heat_map_changes_its_cells(visit: Visit) -> None:
    slider = visit.page.locator("#frame-layers")
    assert slider.get_attribute("aria-valuetext") == "0.1"
    before = visit.data("layers", "t.z[0][0]")
    slider.focus()
    visit.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1"
    assert visit.data("layers", "t.z[0][0]")[0] == pytest.approx(before[0] + 1)
    assert visit.data("layers", "t.z[0].at(-1)") == [None]
    visit.page.keyboard.press("ArrowLeft")
    assert visit.data("layers", "t.z[0][0]") == before


def path_lengths(visit: Visit) -> list[int]:
    return [n for n in visit.data("surface", "t.meta === 'path' ? t.x.length : 0") if n]


def test_the_sliders_of_a_surface_choose_learning_rate_and_step(visit: Visit) -> None:
    visit.speak("en")
    assert path_lengths(visit) == [61, 61]
    step = visit.page.locator("#step-surface")
    step.evaluate("s => { s.value = 10; s.dispatchEvent(new Event('input')); }")
    assert path_lengths(visit) == [11, 11]
    step.focus()
    visit.page.keyboard.press("ArrowRight")
    assert path_lengths(visit) == [12, 12]
    assert visit.page.locator("#controls-surface output").nth(1).text_content() == "11 / 60"
    lr = visit.page.locator("#frame-surface")
    lr.focus()
    visit.page.keyboard.press("End")
    visit.wait("document.getElementById('frame-surface').getAttribute('aria-valuetext') === '0.5'")
    visit.settle()
    assert "diverged" in visit.page.locator("#surface .annotation-text").first.text_content()
    visit.page.keyboard.press("Home")
    assert path_lengths(visit) == [12, 12]


def test_playing_runs_to_the_last_step_and_is_not_offered_where_motion_is_unwelcome(
    visit: Visit, chromium: Any, file: Path
) -> None:
    assert not visit.page.locator(".play").is_visible()
    moving = Visit(chromium, file, reduced_motion="no-preference")
    button = "document.querySelector('.play').textContent"
    moving.page.locator("#step-surface").evaluate("s => { s.value = 40; s.dispatchEvent(new Event('input')); }")
    moving.page.click(".play")
    moving.wait(f"{button} === 'Pause'")
    moving.wait(f"{button} === 'Play'")
    assert path_lengths(moving) == [61, 61]
    assert moving.faults == []


def test_the_reader_chooses_the_panels(visit: Visit) -> None:
    axes = "Object.keys(document.getElementById('bands').layout).filter(k => k.startsWith('xaxis')).length"
    assert visit.page.evaluate(axes) == 6
    visit.page.locator("#toggles-bands button").nth(7).click()
    visit.settle()
    assert visit.page.evaluate(axes) == 7
    for n in range(8):
        if visit.page.locator("#toggles-bands button").nth(n).get_attribute("aria-pressed") == "true":
            visit.page.locator("#toggles-bands button").nth(n).click()
    visit.settle()
    assert visit.page.evaluate("document.getElementById('bands').data.length") == 0
    assert visit.faults == []


def test_figures_follow_the_learning_rate_that_is_picked_for_the_page(
    chromium: Any, arms: Page, tmp_path: Path
) -> None:
    page = replace(arms, at=tuple(AtLr(lr, ()) for lr in (0.01, 0.09, 0.5)), picked=0.01)
    write_html(page, tmp_path / "report.html")
    visit = Visit(chromium, tmp_path / "report.html")
    frame = visit.page.locator("#frame-surface")
    assert frame.get_attribute("aria-valuetext") == "0.01"
    visit.page.locator("#lr").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert [frame.get_attribute("aria-valuetext"), visit.page.locator("#frame-layers").input_value()] == ["0.1", "1"]
    frame.focus()
    visit.page.keyboard.press("End")
    visit.settle()
    assert visit.page.locator("#lr-value").text_content() == "0.5"
    assert visit.faults == []


def test_the_print_holds_what_is_shown_and_no_controls(visit: Visit) -> None:
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("#frame-surface").is_visible()
    assert visit.page.locator("#controls-surface output").first.is_visible()
    assert visit.page.locator("#toggles-lines button").first.is_visible()
    assert not visit.page.locator("#toggles-lines [data-all]").first.is_visible()
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.page.emulate_media(media="screen")


def test_a_page_that_opens_without_a_size_is_drawn_when_it_gets_one(chromium: Any, file: Path, tmp_path: Path) -> None:
    frame = f'<iframe src="{file.as_uri()}" style="width: 0; height: 600px; border: 0"></iframe>'
    (tmp_path / "frame.html").write_text(frame)
    outer = chromium.new_context(viewport={"width": 1000, "height": 700}).new_page()
    outer.goto((tmp_path / "frame.html").as_uri())
    outer.wait_for_timeout(300)
    outer.evaluate("document.querySelector('iframe').style.width = '900px'")
    inner = outer.frames[1]
    inner.wait_for_selector("#race .annotation-text")
    assert inner.locator("#race .annotation-text").first.text_content() == "cosine 0"


def test_hostile_names_are_shown_and_never_run(chromium: Any, arms: Page, of: Any, tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror='window.pwned=1'> %{x} $x^2$ <b>b</b> {{ 7 }} 学习率"
    race, lines, surface, bands, heat = (of(name) for name in ("race", "lines", "surface", "bands", "warmup"))
    named = (
        replace(race, arms=(replace(race.arms[0], name=hostile, note=hostile), *race.arms[1:])),
        replace(lines, lines=tuple(replace(line, name=hostile) for line in lines.lines[:3]), verticals=()),
        replace(surface, x_label=hostile, panels=tuple(replace(panel, name=hostile) for panel in surface.panels)),
        replace(bands, panels=tuple(replace(panel, name=hostile) for panel in bands.panels)),
        replace(heat, y=replace(heat.y, values=(hostile, "a", "b"))),
    )
    write_html(replace(arms, sections=(replace(arms.sections[0], figures=named),)), tmp_path / "report.html")
    visit = Visit(chromium, tmp_path / "report.html")
    assert visit.page.locator("#toggles-lines bdi").first.text_content() == hostile
    assert hostile[:20] in visit.page.locator("#race .annotation-text").first.text_content()
    for name in ("race", "lines", "bands", "warmup"):
        visit.page.locator(f"#{name} .nsewdrag").first.hover()
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.pwned") is None
    assert visit.page.evaluate("document.querySelectorAll('main img, main b:not(.brand b)').length") == 0
    assert visit.faults == []


def test_figures_without_a_single_number_open_without_fault(chromium: Any, arms: Page, of: Any, tmp_path: Path) -> None:
    race, lr, heat, layers, lines, surface, bands = (of(name) for name in FIGURES)
    nothing = float("nan")
    start = tuple(replace(path, points=path.points[:1]) for path in surface.panels[0].trajectories[:1])
    empty = (
        replace(race, arms=tuple(replace(arm, value=nothing, low=None, high=None, points=None) for arm in race.arms)),
        replace(
            lr, series=tuple(replace(s, mean=s.mean * nothing, points=None, low=None, high=None) for s in lr.series)
        ),
        replace(heat, values=heat.values * nothing, marks=()),
        replace(layers, values=layers.values * nothing, frames=()),
        replace(lines, lines=tuple(replace(line, y=line.y * nothing, low=None, high=None) for line in lines.lines)),
        replace(surface, panels=(replace(surface.panels[0], trajectories=start),), minimum=None),
        replace(bands, panels=tuple(replace(p, quantiles=p.quantiles * nothing) for p in bands.panels[:1])),
    )
    section = replace(arms.sections[0], figures=empty)
    write_html(replace(arms, sections=(section,)), tmp_path / "report.html")
    visit = Visit(chromium, tmp_path / "report.html")
    assert visit.page.locator(".plot .main-svg").count() >= 7
    assert visit.page.locator("#controls-surface output").nth(1).text_content() == "0 / 0"
    assert visit.faults == []
