"""The HTML file in headless Chromium: what a reader meets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from etude.report.html import write_html
from etude.report.page import LrFigure, Page

pytestmark = pytest.mark.browser

HOSTILE = " ".join(
    [
        "</script><script>window.pwned = 1</script>",
        "\"><img src=x onerror='window.pwned = 2'>",
        "' onmouseover='window.pwned = 3",
        '<a href="javascript:window.pwned=4">link</a>',
        "javascript:window.pwned=5",
        "<svg onload=window.pwned=6>",
        "{{ 7 * 7 }} {% raw %} ${window.pwned=7} %{x} $x^2$",
        "&lt;b&gt; &amp; <b>bold</b><br> <!-- ]]>",
        "\u202egnihtemos\u202c \u2028 \u0000".replace("\u0000", "") + "√ 学习率 🎼",
    ]
)


@pytest.fixture(scope="module")
def visit(visiting: Any, generalization: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_html(generalization, file)
    with visiting(file) as opened:
        yield opened


def test_the_page_opens_with_its_figures_drawn_and_no_fault(visit: Any) -> None:
    assert visit.page.locator(".plot .main-svg").count() >= 3
    assert visit.page.locator(".plot .scatterlayer .trace").count() > 24
    assert visit.faults == []


def test_the_toggle_changes_the_language_of_everything(visit: Any) -> None:
    page = visit.page
    visit.speak("en")
    expect(page.locator("h1")).to_have_text("What does the learning rate do to convergence?", use_inner_text=True)
    expect(page.locator("#held-out .xtitle")).to_contain_text("learning rate η")
    page.click("#language")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    visit.soon("location.hash", "#lang=zh")
    expect(page).to_have_title("学习率如何影响收敛？")
    expect(page.locator("h1")).to_have_text("学习率如何影响收敛？", use_inner_text=True)
    expect(page.locator("#held-out .xtitle")).to_have_text("学习率 η")
    expect(page.locator("#facts dt").first).to_have_text("训练损失")
    titles = "[...document.querySelectorAll('#held-out .modebar-btn')].map(b => b.dataset.title)"
    visit.soon(titles, ["放大", "缩小", "恢复全图", "保存为 PNG"])
    assert "What does" not in page.locator("main").inner_text()
    page.reload()
    visit.drawn()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    visit.speak("en")


def picked(visit: Any) -> list[list[float]]:
    script = """() => [...document.querySelectorAll(".plot")].map(
        box => box.data.filter(t => t.meta === "picked").map(t => t.x.length === 1 ? t.x[0] : t.line.width))"""
    return list(visit.page.evaluate(script))


def test_picking_a_learning_rate_tells_its_numbers_and_marks_it_everywhere(visit: Any) -> None:
    visit.speak("en")
    slider, facts = visit.page.locator("#lr"), visit.page.locator("#facts")
    visit.slide("#lr", 12)
    expect(slider).to_have_attribute("aria-valuetext", "η = 0.0122")
    before = facts.inner_text()
    slider.focus()
    visit.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "η = 0.0182")
    expect(visit.page.locator("#lr-value")).to_have_text("0.0182")
    expect(facts).not_to_have_text(before, use_inner_text=True)
    expect(facts).to_contain_text("training loss")
    expect(facts).to_have_attribute("aria-live", "polite")
    near = pytest.approx(0.0182, rel=0.01)
    visit.soon(lambda: picked(visit), [[near, near], [near], [3.4]])
    expect(visit.page.locator("tr.picked th")).to_have_text(["0.0182"])


def test_a_burst_of_changes_does_not_lock_the_page_up(visit: Any) -> None:
    visit.page.evaluate("""() => {
        const slider = document.getElementById("lr");
        for (let i = 0; i < 24; i += 1) {
            slider.value = i;
            slider.dispatchEvent(new Event("input"));
            document.getElementById("language").click();
        }
    }""")
    visit.soon(lambda: picked(visit)[2], [3.4])
    expect(visit.page.locator("#lr-value")).to_have_text("1")


def test_clicking_a_curve_picks_its_learning_rate(visit: Any) -> None:
    visit.page.evaluate(
        "document.getElementById('curves').emit('plotly_click', "
        "{points: [{x: 100, data: document.getElementById('curves').data[3]}]})"
    )
    expect(visit.page.locator("#lr-value")).to_have_text("0.000332")


def test_clicking_a_point_with_the_mouse_picks_its_learning_rate(visit: Any) -> None:
    page = visit.page
    page.evaluate("document.getElementById('figure-sharpness').scrollIntoView({block: 'center'})")
    visit.settle()  # a drawing between hovering and clicking would forget what is hovered
    spot = page.locator("#sharpness .scatterlayer .trace .point").first.bounding_box()
    assert spot is not None
    over = (spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)

    def clicked() -> str:
        page.mouse.move(0, 0)
        page.mouse.move(over[0] - 1, over[1])
        page.mouse.move(*over)
        expect(page.locator("#sharpness .hovertext").first).to_contain_text("η = 0.0001")
        page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(500)  # so that the next click is not the second of a double click
        return str(page.locator("#lr-value").text_content())

    visit.soon(clicked, "0.0001")  # on a busy machine Plotly may take a slow click for the beginning of a drag


def test_zooming_relabels_the_axis_and_resetting_shows_all(visit: Any) -> None:
    ticks = "document.getElementById('held-out').layout.xaxis.ticktext"
    before = visit.page.evaluate(ticks)
    visit.page.evaluate("Plotly.relayout('held-out', {'xaxis.range[0]': -2, 'xaxis.range[1]': -1})")
    visit.soon(f"{ticks}.includes('0.02')")
    visit.slide("#lr", 14)
    near = pytest.approx(0.0272, rel=0.01)
    visit.soon(lambda: picked(visit)[0], [near, near])
    assert visit.page.evaluate("document.getElementById('held-out').layout.xaxis.range") == [-2, -1]
    visit.page.evaluate("document.querySelector('#held-out .modebar-btn[data-title]:nth-child(3)').click()")
    visit.soon(ticks, before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_no_violation(visit: Any, scheme: str, language: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.speak(language)
    visit.page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    visit.settle()
    result = Axe().run(visit.page)
    assert result.violations_count == 0, result.generate_report()


def test_the_plots_follow_the_colour_scheme(visit: Any) -> None:
    colour = "document.getElementById('held-out').layout.font.color"
    visit.page.emulate_media(color_scheme="dark")
    visit.soon(colour, "#e6e3dc")
    visit.page.emulate_media(color_scheme="light")
    visit.soon(colour, "#1d1d1f")


@pytest.mark.parametrize("width", [1400, 768, 360, 320])
def test_the_page_fits_every_screen(visit: Any, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.soon("innerWidth", width)
    visit.soon("[...document.querySelectorAll('.plot')].every(b => Math.abs(b.layout.width - b.clientWidth) < 1)")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.set_viewport_size({"width": 1200, "height": 900})


def test_the_print_is_light_and_without_controls(visit: Any) -> None:
    visit.page.emulate_media(color_scheme="dark")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print", color_scheme="dark")
    visit.soon("document.getElementById('held-out').layout.font.color", "#1d1d1f")
    expect(visit.page.locator("#pick")).not_to_be_visible()
    expect(visit.page.locator("#language")).not_to_be_visible()
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.page.emulate_media(media="screen", color_scheme="light")


def test_the_command_can_be_copied_or_is_selected(visit: Any) -> None:
    visit.speak("en")
    visit.page.click("#copy")
    expect(visit.page.locator("#copied")).not_to_be_empty()
    assert visit.page.evaluate("getSelection().toString()").startswith("etude run convergence")


def test_a_hostile_name_is_shown_and_never_run(
    visiting: Any, convergence: Page, with_text: Callable[[Page, str], Page], tmp_path: Path
) -> None:
    hostile = with_text(convergence, HOSTILE)
    write_html(hostile, tmp_path / "report.html")
    with visiting(tmp_path / "report.html") as visit:
        shown_as_it_is(visit)
        visit.page.click("#language")
        for plot in ("#final-loss", "#curves"):
            visit.page.locator(plot).scroll_into_view_if_needed()
            visit.page.locator(f"{plot} .nsewdrag").first.hover()
        visit.slide("#lr", 3)
        visit.settle()
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("window.pwned") is None
        assert visit.page.locator("main img, main a:not([href^='#section-']), main b:not(.brand b)").count() == 0


def shown_as_it_is(visit: Any) -> None:
    shown = ["h1", ".subtitle", ".answer", ".notes p", "#evidence h2 >> nth=1", "#evidence section > p >> nth=1"]
    shown += ["h3 bdi", ".legend li bdi", "figcaption bdi", ".unseen bdi", "#facts dt", "#facts dd", ".table bdi"]
    shown += [".findings h3", ".findings p", "main ul:not(.legend) li", "#command", ".provenance dt", ".brand bdi"]
    for selector in shown:
        text = visit.page.locator(selector).first.text_content()
        assert " ".join(text.split()) == " ".join(HOSTILE.split()), selector
    label = visit.page.locator("#final-loss .annotation-text").first
    assert HOSTILE.startswith((label.text_content() or "")[:60])


def test_a_page_where_every_run_diverged_opens_without_fault(visiting: Any, convergence: Page, tmp_path: Path) -> None:
    figure = convergence.figures[0]
    assert isinstance(figure, LrFigure)
    nothing = tuple(
        replace(s, **{n: getattr(s, n) * float("nan") for n in ("mean", "points", "low", "high")})
        for s in figure.series
    )
    empty = replace(figure, series=nothing, best=None, basin=None, edge=None, recommended=None)
    section = replace(convergence.sections[0], figures=(empty,))
    write_html(replace(convergence, sections=(section,), picked=None), tmp_path / "report.html")
    with visiting(tmp_path / "report.html") as visit:
        expect(visit.page.locator("#facts")).to_be_empty()
