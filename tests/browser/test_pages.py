"""Every kind of page in Chromium: it opens at once, complains of nothing, asks for nothing, fits, and can be read."""

from pathlib import Path

import pytest

from tests.browser.conftest import KINDS
from tests.browser.screen import Screen

pytestmark = pytest.mark.browser
SECONDS = 2.0  # within which a page is shown

# Texts with less contrast than 4.5 (3 for large ones), as WCAG 2.1 counts: colours and what is behind them.
CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
const over = (top, below) => top.slice(0, 3).map((v, k) => v * top[3] + below[k] * (1 - top[3])).concat(1);
const f = (v) => v <= 10.31 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => {
  return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
const behind = (one) => { const layers = [];
  for (let e = one; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
const bad = []; let seen = 0;
for (const one of document.querySelectorAll("body *")) {
  const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !one.getClientRects().length || ["SCRIPT", "STYLE"].includes(one.tagName)) continue;
  const style = getComputedStyle(one), ground = behind(one), ink = over(rgba(style.color), ground);
  const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  seen += 1;
  if (ratio < (large ? 3 : 4.5)) bad.push(`${one.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return [seen, bad];
"""

# Texts that leave the page, or that another text covers where nothing scrolls.
OUTSIDE = """
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll("body *")].filter((one) => {
  if (one.closest(".wide, pre, nav, .skip, #tip, svg") || !one.getClientRects().length) return false;
  const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const box = one.getBoundingClientRect();
  return own && (box.left < -1 || box.right > wide + 1);
}).map((one) => one.textContent.trim().slice(0, 60));
"""

# Pairs of texts of one figure that lie upon each other: labels of lines, and names of axes with their ticks.
UPON = """
const boxes = (one, query) => [...one.querySelectorAll(query)].filter((e) => e.getClientRects().length)
  .map((e) => [e.textContent, e.getBoundingClientRect()]);
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
const found = []; let seen = 0;
for (const figure of document.querySelectorAll(".bars, .plot")) {
  for (const query of [".label, .value", ".y-label, .y-ticks span", ".x-label, .x-ticks span"]) {
    const here = boxes(figure, query);
    seen += here.length;
    here.forEach(([a, box], k) => here.slice(k + 1).forEach(([b, other]) => {
      if (meet(box, other)) found.push(`${a} | ${b}`);
    }));
  }
}
return [seen, found];
"""

# Numbers as programmers write them, and names that are not there.
ODD = r"""
const told = [...document.querySelectorAll("main, header")].map((e) => e.innerText)
  .concat([...document.querySelectorAll("[aria-label]")].map((e) => e.getAttribute("aria-label"))).join("\n");
const unnamed = [...document.querySelectorAll("thead th")].filter((e) => !e.textContent.trim()).length;
const odd = [...told.matchAll(/\d[eE][+-]\d+|\bNaN\b|\bnan\b|\bNone\b|undefined/g)].map((m) => m[0]);
return odd.concat(Array(unnamed).fill("a column without a name"));
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_opens_fits_and_is_readable(
    kind: str, width: int, theme: str, pages: dict[str, Path], browser: Screen
) -> None:
    browser.open(pages[kind], width, theme)
    assert browser.complaints() == []
    assert [u for u in browser.requested() if not u.startswith(("file:", "data:"))] == []
    assert [u for u in browser.requested() if u.startswith("file:")] in ([], [pages[kind].resolve().as_uri()])
    assert browser.run("return document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert browser.run(OUTSIDE) == []
    assert browser.run(UPON)[1] == [] and browser.run(ODD) == []
    seen, pale = browser.run(CONTRAST)
    assert seen > 20 and pale == []
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) > 384) == (theme == "light")
    assert browser.shoot(f"{kind}-{width}-{theme}").stat().st_size > 10_000


def test_headings_and_names(kind: str, pages: dict[str, Path], browser: Screen) -> None:
    """As a screen reader goes through it: one title, then sections, each figure and region with a name."""
    browser.open(pages[kind])
    headings = [h.tag_name for h in browser.all("h1, h2, h3, h4, h5, h6")]
    assert headings[0] == "h1" and set(headings[1:]) == {"h2"}
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored")]
    for role in ("image", "region", "button", "link", "table"):
        assert all(name for r, name in roles if r == role), f"a {role} without a name"
    assert sum(r == "table" for r, _ in roles) >= 1


def test_it_is_shown_at_once(kind: str, pages: dict[str, Path], browser: Screen) -> None:
    browser.open(pages[kind])
    spent = browser.run("const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime")
    assert 0 < spent < 1000 * SECONDS
    assert pages[kind].stat().st_size < 1_000_000


def test_it_prints(pages: dict[str, Path], browser: Screen) -> None:
    browser.open(pages["run"], 720, "dark", print_=True)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert all(d.get_attribute("open") for d in browser.all("details")) and browser.all("details")
    browser.shoot("run-print")
