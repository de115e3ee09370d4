"""The HTML file in headless Chromium: what a reader meets."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

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


class Visit:
    """A page in the browser, and everything that it should not have done."""

    def __init__(self, chromium: Any, file: Path) -> None:
        self.page = chromium.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce").new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(f"console {m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.faults.append(f"error: {e}"))
        self.page.on("request", lambda r: self._requested(r.url, file))
        self.page.on("dialog", lambda d: (self.faults.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(".plot .main-svg")

    def _requested(self, url: str, file: Path) -> None:
        if not url.startswith((file.as_uri(), "data:", "blob:")):
            self.faults.append(f"request: {url}")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression holds; Playwright's own way needs eval, which the page's policy forbids."""
        for _ in range(100):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never held: {condition}")

    def settle(self) -> None:
        """Wait until what was changed is drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.evaluate("e => e.innerText ?? e.textContent"))


@pytest.fixture(scope="module")
def visit(chromium: Any, generalization: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_html(generalization, file)
    opened = Visit(chromium, file)
    yield opened
    assert opened.faults == []


def speak(visit: Visit, language: str) -> None:
    if not str(visit.page.evaluate("document.documentElement.lang")).startswith(language):
        visit.page.click("#language")


def test_the_page_opens_with_its_figures_drawn_and_no_fault(visit: Visit) -> None:
    assert visit.page.locator(".plot .main-svg").count() >= 3
    assert visit.page.locator(".plot .scatterlayer .trace").count() > 24
    assert visit.faults == []


def test_the_toggle_changes_the_language_of_everything(visit: Visit) -> None:
    speak(visit, "en")
    visit.settle()
    assert visit.text("h1") == "What does the learning rate do to convergence?"
    assert "learning rate η" in visit.text("#held-out .xtitle")
    visit.page.click("#language")
    visit.settle()
    assert visit.page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert visit.page.evaluate("location.hash") == "#lang=zh"
    assert visit.page.title() == visit.text("h1") == "学习率如何影响收敛？"
    assert visit.text("#held-out .xtitle") == "学习率 η"
    assert visit.text("#facts dt") == "训练损失"
    titles = visit.page.locator("#held-out .modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert titles == ["放大", "缩小", "恢复全图", "保存为 PNG"]
    assert "What does" not in visit.page.locator("main").inner_text()
    visit.page.reload()
    visit.page.wait_for_selector(".plot .main-svg")
    assert visit.page.evaluate("document.documentElement.lang") == "zh-Hans"
    speak(visit, "en")


def picked(visit: Visit) -> list[list[float]]:
    script = """() => [...document.querySelectorAll(".plot")].map(
        box => box.data.filter(t => t.meta === "picked").map(t => t.x.length === 1 ? t.x[0] : t.line.width))"""
    visit.settle()
    return list(visit.page.evaluate(script))


def test_picking_a_learning_rate_tells_its_numbers_and_marks_it_everywhere(visit: Visit) -> None:
    speak(visit, "en")
    slider = visit.page.locator("#lr")
    slider.evaluate("s => { s.value = 12; s.dispatchEvent(new Event('input')); }")
    before = visit.text("#facts")
    slider.focus()
    visit.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "η = 0.0182"
    assert visit.text("#lr-value") == "0.0182"
    assert visit.text("#facts") != before
    assert "training loss" in visit.text("#facts")
    assert visit.page.locator("#facts").get_attribute("aria-live") == "polite"
    held, sharp, curves = picked(visit)
    assert [held, sharp] == [pytest.approx([0.0182, 0.0182], rel=0.01), pytest.approx([0.0182], rel=0.01)]
    assert curves == [3.4]
    assert visit.page.locator("tr.picked th").all_inner_texts() == ["0.0182"]


def test_a_burst_of_changes_does_not_lock_the_page_up(visit: Visit) -> None:
    visit.page.evaluate("""() => {
        const slider = document.getElementById("lr");
        for (let i = 0; i < 24; i += 1) {
            slider.value = i;
            slider.dispatchEvent(new Event("input"));
            document.getElementById("language").click();
        }
    }""")
    assert picked(visit)[2] == [3.4]
    assert visit.text("#lr-value") == "1"


def test_clicking_a_curve_picks_its_learning_rate(visit: Visit) -> None:
    visit.page.evaluate(
        "document.getElementById('curves').emit('plotly_click', "
        "{points: [{x: 100, data: document.getElementById('curves').data[3]}]})"
    )
    assert visit.text("#lr-value") == "0.000332"


def test_clicking_a_point_with_the_mouse_picks_its_learning_rate(visit: Visit) -> None:
    visit.settle()  # a drawing between hovering and clicking would forget what is hovered
    box = visit.page.locator("#sharpness .scatterlayer .trace .point").first
    visit.page.evaluate("document.getElementById('figure-sharpness').scrollIntoView({block: 'center'})")
    spot = box.bounding_box()
    assert spot is not None
    shown = None
    for _ in range(4):  # on a busy machine Plotly may take a slow click for the beginning of a drag
        visit.page.mouse.move(spot["x"] + spot["width"] / 2 - 1, spot["y"] + spot["height"] / 2)
        visit.page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
        visit.page.wait_for_selector("#sharpness .hoverlayer .hovertext")
        shown = visit.page.locator("#sharpness .hovertext").first.text_content()
        visit.page.mouse.down()
        visit.page.mouse.up()
        visit.page.wait_for_timeout(500)
        if visit.text("#lr-value") == "0.0001":
            break
        visit.page.mouse.move(0, 0)
    lr = re.search(r"η = ([\d.]+)", shown or "")
    assert lr is not None
    assert visit.text("#lr-value") == lr[1] == "0.0001"


def test_zooming_relabels_the_axis_and_resetting_shows_all(visit: Visit) -> None:
    ticks = "document.getElementById('held-out').layout.xaxis.ticktext"
    before = visit.page.evaluate(ticks)
    visit.page.evaluate("Plotly.relayout('held-out', {'xaxis.range[0]': -2, 'xaxis.range[1]': -1})")
    visit.wait(f"{ticks}.includes('0.02')")
    pick_in_between = visit.page.locator("#lr")
    pick_in_between.evaluate("s => { s.value = 14; s.dispatchEvent(new Event('input')); }")
    visit.settle()
    assert visit.page.evaluate("document.getElementById('held-out').layout.xaxis.range") == [-2, -1]
    visit.page.evaluate("document.querySelector('#held-out .modebar-btn[data-title]:nth-child(3)').click()")
    assert visit.page.evaluate(ticks) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_no_violation(visit: Visit, scheme: str, language: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    speak(visit, language)
    visit.page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    result = Axe().run(visit.page)
    assert result.violations_count == 0, result.generate_report()


def test_the_plots_follow_the_colour_scheme(visit: Visit) -> None:
    colour = "document.getElementById('held-out').layout.font.color"
    visit.page.emulate_media(color_scheme="dark")
    visit.wait(f"{colour} === '#e6e3dc'")
    visit.page.emulate_media(color_scheme="light")
    visit.wait(f"{colour} === '#1d1d1f'")


@pytest.mark.parametrize("width", [1400, 768, 360, 320])
def test_the_page_fits_every_screen(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.wait("[...document.querySelectorAll('.plot')].every(b => Math.abs(b.layout.width - b.clientWidth) < 1)")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.set_viewport_size({"width": 1200, "height": 900})


def test_the_print_is_light_and_without_controls(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print", color_scheme="dark")
    assert visit.page.evaluate("document.getElementById('held-out').layout.font.color") == "#1d1d1f"
    assert not visit.page.locator("#pick").is_visible()
    assert not visit.page.locator("#language").is_visible()
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.page.emulate_media(media="screen", color_scheme="light")


def test_the_command_can_be_copied_or_is_selected(visit: Visit) -> None:
    speak(visit, "en")
    visit.page.click("#copy")
    visit.wait("document.getElementById('copied').textContent !== ''")
    assert visit.page.evaluate("getSelection().toString()").startswith("etude run convergence")


def test_a_hostile_name_is_shown_and_never_run(
    chromium: Any, convergence: Page, with_text: Callable[[Page, str], Page], tmp_path: Path
) -> None:
    hostile = with_text(convergence, HOSTILE)
    write_html(hostile, tmp_path / "report.html")
    visit = Visit(chromium, tmp_path / "report.html")
    shown = ["h1", ".subtitle", ".answer", ".notes p", "#evidence h2 >> nth=1", "#evidence section > p >> nth=1"]
    shown += ["h3 bdi", ".legend li bdi", "figcaption bdi", ".unseen bdi", "#facts dt", "#facts dd", ".table bdi"]
    shown += [".findings h3", ".findings p", "main ul:not(.legend) li", "#command", ".provenance dt", ".brand bdi"]
    for selector in shown:
        text = visit.page.locator(selector).first.text_content()
        assert " ".join(text.split()) == " ".join(HOSTILE.split()), selector
    label = visit.page.locator("#final-loss .annotation-text").first
    assert HOSTILE.startswith((label.text_content() or "")[:60])
    visit.page.click("#language")
    for plot in ("#final-loss", "#curves"):
        visit.page.locator(plot).scroll_into_view_if_needed()
        visit.page.locator(f"{plot} .nsewdrag").first.hover()
    visit.page.locator("#lr").evaluate("s => { s.value = 3; s.dispatchEvent(new Event('input')); }")
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.pwned") is None
    assert visit.page.evaluate("document.querySelectorAll('main img, main a, main b:not(.brand b)').length") == 0
    assert visit.faults == []


def test_a_page_where_every_run_diverged_opens_without_fault(chromium: Any, convergence: Page, tmp_path: Path) -> None:
    figure = convergence.figures[0]
    assert isinstance(figure, LrFigure)
    nothing = tuple(
        replace(s, **{n: getattr(s, n) * float("nan") for n in ("mean", "points", "low", "high")})
        for s in figure.series
    )
    empty = replace(figure, series=nothing, best=None, basin=None, edge=None, recommended=None)
    section = replace(convergence.sections[0], figures=(empty,))
    write_html(replace(convergence, sections=(section,), picked=None), tmp_path / "report.html")
    visit = Visit(chromium, tmp_path / "report.html")
    assert visit.text("#facts") == ""
    assert visit.faults == []
