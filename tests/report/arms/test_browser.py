"""The figures that compare arms in headless Chromium, with the mouse, the keyboard and a narrow screen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from etude.report.html import write_html
from etude.report.page import AtLr, Page

pytestmark = pytest.mark.browser
FIGURES = ("race", "arms", "warmup", "layers", "lines", "surface", "bands")


@pytest.fixture(scope="module")
def file(arms: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report") / "report.html"
    write_html(arms, made)
    return Path(made)


@pytest.fixture(scope="module")
def visit(visiting: Any, file: Path) -> Iterator[Any]:
    with visiting(file) as opened:
        yield opened


def data(visit: Any, figure: str, of: str) -> Any:
    """Something of each trace that is drawn, ``t``."""
    return visit.page.evaluate(f"document.getElementById('{figure}').data.map(t => {of})")


def told(visit: Any, slider: str, words: str) -> None:
    """Wait until a slider says where it stands."""
    expect(visit.page.locator(slider)).to_have_attribute("aria-valuetext", words)


def test_every_figure_is_drawn_without_a_picker_and_without_a_fault(visit: Any) -> None:
    drawn = visit.page.evaluate("[...document.querySelectorAll('.plot')].filter(b => b.data.length > 0).map(b => b.id)")
    assert tuple(drawn) == FIGURES
    assert visit.page.locator("#pick").count() == 0
    assert visit.faults == []


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "zh")])
def test_axe_finds_no_violation(visit: Any, scheme: str, language: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.speak(language)
    visit.page.locator("#figure-race details").evaluate("d => { d.open = true; }")
    result = Axe().run(visit.page)
    visit.page.emulate_media(color_scheme="light")
    assert result.violations_count == 0, result.generate_report()


def test_nothing_is_wider_than_a_phone_and_no_label_is_cut_off(visiting: Any, file: Path) -> None:
    cut = """[...document.querySelectorAll(".plot")].flatMap(box => {
        const frame = box.querySelector(".main-svg").getBoundingClientRect();
        return [...box.querySelectorAll(".main-svg text")].filter(t => {
            const r = t.getBoundingClientRect();
            return r.width > 0 && (r.left < frame.left - 1 || r.right > frame.right + 1 || r.bottom > frame.bottom + 1);
        }).map(t => `${box.id}: ${t.textContent}`);
    })"""
    with visiting(file, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as visit:
        for language in ("en", "zh"):
            visit.speak(language)
            visit.soon("document.documentElement.scrollWidth <= 390")
            visit.soon(cut, [])


def test_the_race_ranks_its_arms_from_top_to_bottom(visit: Any) -> None:
    visit.speak("en")
    rows = """[...document.querySelectorAll("#race .annotation-text")].map(t => t.textContent)"""
    visit.soon(f"{rows}[0]", "cosine 0")
    visit.soon(f"{rows}.slice(-2)", ["diverging", "diverged"])
    assert data(visit, "race", "t.xaxis === 'x2' ? t.y.length : 0")[-3:] == [3, 4, 2]


def visible(visit: Any, figure: str) -> int:
    return sum(data(visit, figure, "t.hoverinfo === 'skip' ? 0 : 1"))


def test_the_keyboard_hides_and_shows_series(visit: Any) -> None:
    first = visit.page.locator("#toggles-lines button").first
    first.focus()
    visit.soon(lambda: visible(visit, "lines"), 22)
    for pressed, shown in (("false", 21), ("true", 22)):
        visit.page.keyboard.press("Space")
        expect(first).to_have_attribute("aria-pressed", pressed)
        visit.soon(lambda: visible(visit, "lines"), shown)
    for every, shown in (("false", 0), ("true", 22)):
        visit.page.click(f"#toggles-lines [data-all={every}]")
        visit.soon(lambda: visible(visit, "lines"), shown)


def test_pointing_at_a_name_lights_its_series_up(visit: Any) -> None:
    opacity = "t.hoverinfo === 'skip' ? null : t.opacity ?? 1"
    name = visit.page.locator("#toggles-lines button").nth(2)
    name.hover()
    visit.soon(lambda: sorted(v for v in data(visit, "lines", opacity) if v is not None), [0.15] * 21 + [1])
    (lit,) = (told for told, shown in data(visit, "lines", "[t.hovertemplate, t.opacity]") if shown == 1)
    assert lit.startswith(name.inner_text().strip())
    visit.page.mouse.move(0, 0)
    visit.soon(lambda: set(data(visit, "lines", opacity)), {None, 1})


def test_lines_go_on_across_grids_of_other_arms_and_details_appear_when_few_are_shown(visit: Any) -> None:
    assert set(data(visit, "arms", "t.y.includes(null)")) == {False}
    visit.soon(lambda: visible(visit, "arms"), 20)
    visit.page.click("#toggles-arms [data-all=false]")
    visit.page.locator("#toggles-arms button").first.click()
    visit.page.mouse.move(0, 0)
    detailed = ["toself", "markers", "lines+markers", "lines", "markers", "text"]
    visit.soon(lambda: data(visit, "arms", "t.fill ?? t.mode"), detailed)
    visit.page.click("#toggles-arms [data-all=true]")
    visit.soon(lambda: visible(visit, "arms"), 20)


def test_numbers_stand_in_their_cells_black_or_white_where_there_is_one(visit: Any) -> None:
    cells = visit.page.evaluate("""document.getElementById("warmup").layout.annotations.slice(1).map(
        a => [a.text, a.font.color])""")
    assert len(cells) == 13
    assert ["0.05", "#ffffff"] in cells  # on the dark end of the scale
    assert ["1.05", "#000000"] in cells  # on the pale end


def test_the_slider_of_a_heat_map_changes_its_cells(visit: Any) -> None:
    corners = "[t.z[0][0], t.z[0].at(-1)]"
    told(visit, "#frame-layers", "0.1")
    ((first, last),) = before = data(visit, "layers", corners)
    visit.page.locator("#frame-layers").focus()
    visit.page.keyboard.press("ArrowRight")
    told(visit, "#frame-layers", "1")
    visit.soon(lambda: data(visit, "layers", corners), [[pytest.approx(first + 1), None]])
    assert last is not None
    visit.page.keyboard.press("ArrowLeft")
    told(visit, "#frame-layers", "0.1")
    visit.soon(lambda: data(visit, "layers", corners), before)


def test_a_slider_says_where_it_stands_before_anything_is_drawn(visit: Any) -> None:
    said = """(id) => {
        const slider = document.getElementById(id);
        slider.value = slider.max;
        slider.dispatchEvent(new Event("input"));
        return slider.getAttribute("aria-valuetext");
    }"""
    sliders = {"frame-layers": "1", "frame-surface": "0.5", "step-surface": "4 / 4"}
    assert {slider: visit.page.evaluate(said, slider) for slider in sliders} == sliders
    visit.slide("#frame-layers", 1)
    visit.slide("#frame-surface", 1)
    visit.slide("#step-surface", 60)


def path_lengths(visit: Any) -> list[int]:
    return [n for n in data(visit, "surface", "t.meta === 'path' ? t.x.length : 0") if n]


def test_the_sliders_of_a_surface_choose_learning_rate_and_step(visit: Any) -> None:
    visit.speak("en")
    visit.soon(lambda: path_lengths(visit), [61, 61])
    visit.slide("#step-surface", 10)
    visit.soon(lambda: path_lengths(visit), [11, 11])
    visit.page.locator("#step-surface").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.soon(lambda: path_lengths(visit), [12, 12])
    expect(visit.page.locator("#controls-surface output").nth(1)).to_have_text("11 / 60")
    visit.page.locator("#frame-surface").focus()
    visit.page.keyboard.press("End")
    told(visit, "#frame-surface", "0.5")
    expect(visit.page.locator("#surface .annotation-text").first).to_contain_text("diverged")
    visit.page.keyboard.press("Home")
    told(visit, "#frame-surface", "0.01")
    visit.soon(lambda: path_lengths(visit), [12, 12])


def test_playing_runs_to_the_last_step_and_is_not_offered_where_motion_is_unwelcome(
    visit: Any, visiting: Any, file: Path
) -> None:
    expect(visit.page.locator(".play")).not_to_be_visible()
    with visiting(file, reduced_motion="no-preference") as moving:
        moving.slide("#step-surface", 10)
        moving.soon(lambda: path_lengths(moving), [11, 11])
        # Both words are kept as they come: a page that is drawn slowly may say "Pause" between two looks only.
        moving.page.evaluate("""() => {
            window.words = [];
            const button = document.querySelector(".play");
            new MutationObserver(() => window.words.push(button.textContent)).observe(button, {childList: true});
        }""")
        moving.page.click(".play")
        moving.soon("[words[0], words.at(-1)]", ["Pause", "Play"])
        moving.soon(lambda: path_lengths(moving), [61, 61])


def test_the_reader_chooses_the_panels(visit: Any) -> None:
    axes = "Object.keys(document.getElementById('bands').layout).filter(k => k.startsWith('xaxis')).length"
    visit.soon(axes, 6)
    buttons = visit.page.locator("#toggles-bands [data-series]")
    buttons.nth(7).click()
    visit.soon(axes, 7)
    for button in buttons.all():
        if button.get_attribute("aria-pressed") == "true":
            button.click()
            expect(button).to_have_attribute("aria-pressed", "false")
    visit.soon("document.getElementById('bands').data.length", 0)


def test_figures_follow_the_learning_rate_that_is_picked_for_the_page(
    visiting: Any, arms: Page, tmp_path: Path
) -> None:
    page = replace(arms, at=tuple(AtLr(lr, ()) for lr in (0.01, 0.09, 0.5)), picked=0.01)
    write_html(page, tmp_path / "report.html")
    with visiting(tmp_path / "report.html") as visit:
        told(visit, "#frame-surface", "0.01")
        visit.page.locator("#lr").focus()
        visit.page.keyboard.press("ArrowRight")
        told(visit, "#frame-surface", "0.1")
        expect(visit.page.locator("#frame-layers")).to_have_value("1")
        visit.page.locator("#frame-surface").focus()
        visit.page.keyboard.press("End")
        expect(visit.page.locator("#lr-value")).to_have_text("0.5")


def test_the_print_holds_what_is_shown_and_no_controls(visit: Any) -> None:
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    expect(visit.page.locator("#frame-surface")).not_to_be_visible()
    expect(visit.page.locator("#controls-surface output").first).to_be_visible()
    expect(visit.page.locator("#toggles-lines button").first).to_be_visible()
    expect(visit.page.locator("#toggles-lines [data-all]").first).not_to_be_visible()
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.page.emulate_media(media="screen")


def test_a_page_that_opens_without_a_size_is_drawn_when_it_gets_one(chromium: Any, file: Path, tmp_path: Path) -> None:
    frame = f'<iframe src="{file.as_uri()}" style="width: 0; height: 600px; border: 0"></iframe>'
    (tmp_path / "frame.html").write_text(frame)
    outer = chromium.new_context(viewport={"width": 1000, "height": 700}).new_page()
    outer.goto((tmp_path / "frame.html").as_uri())
    outer.wait_for_timeout(300)
    inner = outer.frames[1]
    assert inner.locator("#race .annotation-text").count() == 0
    outer.evaluate("document.querySelector('iframe').style.width = '900px'")
    expect(inner.locator("#race .annotation-text").first).to_have_text("cosine 0")
    outer.context.close()


def test_hostile_names_are_shown_and_never_run(visiting: Any, arms: Page, of: Any, tmp_path: Path) -> None:
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
    with visiting(tmp_path / "report.html") as visit:
        expect(visit.page.locator("#toggles-lines bdi").first).to_have_text(hostile)
        expect(visit.page.locator("#race .annotation-text").first).to_contain_text(hostile[:20])
        for name in ("race", "lines", "bands", "warmup"):
            visit.page.locator(f"#{name} .nsewdrag").first.hover()
        visit.settle()
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("window.pwned") is None
        assert visit.page.locator("main img, main b:not(.brand b)").count() == 0


def test_figures_without_a_single_number_open_without_fault(visiting: Any, arms: Page, of: Any, tmp_path: Path) -> None:
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
    with visiting(tmp_path / "report.html") as visit:
        assert visit.page.locator(".plot .main-svg").count() >= 7
        expect(visit.page.locator("#controls-surface output").nth(1)).to_have_text("0 / 0")
