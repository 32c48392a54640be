"""The page in headless Chromium: quiet, complete, legible, and fit for every width."""

import base64
import json

import pytest

from blastscreen.report.page import render_report

WIDE, NARROW = 1100, 390
# WCAG 2.2, level AA
LEAST_CONTRAST = 4.5

CONTRASTS = """
const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = parse(getComputedStyle(element).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
};
const texts = "p, li, td, th, h1, h2, h3, caption, a, .source, .note, .range, figcaption";
const shown = [...document.querySelectorAll(texts)].filter((element) => element.textContent.trim());
return shown.filter((element) => element.checkVisibility()).map((element) => {
  const [one, other] = [parse(getComputedStyle(element).color), behind(element)].map(luminance).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
});
"""
OVERHANGING = """
return [...document.querySelectorAll("body *")]
  .filter((element) => !element.closest(".scroll *, .skip") && element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 80));
"""


def emulate(browser, *, scheme="light", width=WIDE, medium=""):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == NARROW}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    # two frames later, whatever listens has been told
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def wait_for_charts(browser):
    script = "const done = arguments[0], wait = () => document.documentElement.dataset.charts === 'printable' ? done() "
    browser.execute_async_script(f"{script}: setTimeout(wait, 20); wait();")


def keep_picture(browser, file):
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    file.write_bytes(base64.b64decode(picture["data"]))


@pytest.fixture(scope="module")
def page(browser, entries, tmp_path_factory):
    """The page of the hostile results, opened in a wide window on light."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render_report(**entries), encoding="utf-8")
    browser.get_log("browser")
    browser.get_log("performance")
    emulate(browser)
    browser.get(file.as_uri())
    wait_for_charts(browser)
    return browser


@pytest.fixture(scope="module")
def logs(page):
    return {kind: page.get_log(kind) for kind in ("browser", "performance")}


def test_the_console_stays_empty_and_no_name_of_a_file_runs(page, logs):
    assert logs["browser"] == []
    assert "owned" not in page.title


def test_nothing_but_the_file_itself_is_asked_for(logs):
    messages = [json.loads(entry["message"])["message"] for entry in logs["performance"]]
    asked = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith("data:")] == [
        url for url in asked if url.endswith("report.html")
    ]
    assert any(url.endswith("report.html") for url in asked)


def test_the_page_forbids_itself_what_it_does_not_need(page):
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
    )
    outcome = "fetch('https://example.org').then(() => arguments[0]('sent'), () => arguments[0]('refused'))"
    assert page.execute_async_script(outcome) == "refused"
    assert page.execute_script("return window.ran") is None
    blocked = [entry["message"] for entry in page.get_log("browser")]
    assert sum("Content Security Policy" in message for message in blocked) >= 2


def test_every_figure_is_drawn_and_has_its_picture_for_print(page, entries):
    drawn = page.execute_script(
        "return [...document.querySelectorAll('.canvas')].map((c) => c.querySelectorAll('.trace').length)"
    )
    assert len(drawn) == sum(name.endswith("_figure") for name in entries)
    assert min(drawn) >= 1
    loaded = "(image) => image.decode().then(() => image.naturalWidth > 100)"
    pictures = page.execute_script(f"return Promise.all([...document.querySelectorAll('.static')].map({loaded}))")
    assert pictures == [True] * len(drawn)


def test_charts_follow_the_scheme(page):
    colours = "return getComputedStyle(document.querySelector('.canvas .xtick text')).fill"
    emulate(page)
    assert page.execute_script(colours) == "rgb(31, 31, 31)"
    emulate(page, scheme="dark")
    assert page.execute_script(colours) == "rgb(232, 234, 237)"
    emulate(page)
    assert page.execute_script(colours) == "rgb(31, 31, 31)"


def test_charts_follow_the_width(page):
    drawn = "return document.querySelector('.canvas .main-svg').getBoundingClientRect().width"
    widths = []
    for width in (WIDE, 800, NARROW, WIDE):
        emulate(page, width=width)
        widths.append(page.execute_script(drawn))
        assert widths[-1] == page.execute_script("return document.querySelector('.canvas').clientWidth")
    assert widths[0] == widths[3] > widths[1] > widths[2] > NARROW


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)])
def test_text_is_legible_and_nothing_hangs_over(page, tmp_path, scheme, width):
    emulate(page, scheme=scheme, width=width)
    # for people to look at: pytest keeps its latest folders
    keep_picture(page, tmp_path / f"{scheme}_{width}.png")
    contrasts = page.execute_script(CONTRASTS)
    assert len(contrasts) > 300
    assert min(contrasts) >= LEAST_CONTRAST
    assert page.execute_script(OVERHANGING) == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert (
        page.execute_script("return Math.min(...[...document.querySelectorAll('.canvas')].map((c) => c.clientHeight))")
        > 200
    )


def test_print_shows_pictures_for_charts_and_cuts_no_table(page):
    emulate(page, scheme="dark", width=680, medium="print")
    shown = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility()).length"
    assert page.execute_script(shown, ".canvas") == 0
    assert page.execute_script(shown, ".static") > 0
    assert page.execute_script(shown, "nav") == 0
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.execute_script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    edges = "[...document.querySelectorAll('table, .static')].map((e) => e.getBoundingClientRect().right)"
    assert page.execute_script(f"return Math.max(...{edges})") <= 681
    pdf = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert base64.b64decode(pdf["data"]).startswith(b"%PDF")
    emulate(page)


def test_the_keyboard_finds_the_answer_first(page):
    from selenium.webdriver.common.keys import Keys

    page.execute_script(
        "document.activeElement.blur(); window.getSelection().removeAllRanges(); window.scrollTo(0, 0);"
    )
    page.find_element("tag name", "body").send_keys(Keys.TAB)
    skip = page.switch_to.active_element
    assert skip.get_attribute("href").endswith("#answer")
    assert skip.rect["x"] >= 0
    focusable = page.execute_script("return [...document.querySelectorAll('.scroll')].every((e) => e.tabIndex === 0)")
    assert focusable


def test_without_javascript_text_and_tables_are_there(page):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.refresh()
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "needs JavaScript" in page.find_element("class name", "fallback").text
    assert "AUROC" in page.find_element("css selector", "#answer table").text
    assert page.execute_script("return document.documentElement.dataset.charts") is None
