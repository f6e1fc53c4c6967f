"""A reader's hands in Chromium: tooltips by pointer and by key, the filter of layers, sorting, files of tables."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.screen import Screen

pytestmark = pytest.mark.browser


@pytest.fixture
def run(pages: dict[str, Path], browser: Screen) -> Screen:
    browser.open(pages["run"])
    return browser


def tip(screen: Screen) -> str | None:
    shown = screen.one("#tip")
    return None if shown.get_attribute("hidden") else shown.text


@pytest.mark.parametrize("mark", [".crossbars rect.t", ".bars .dot .t", ".plot rect.t", ".crossbars.large rect.t"])
def test_the_pointer_shows_what_a_mark_is(run: Screen, mark: str) -> None:
    found = run.one(mark)
    run.hover(found)
    assert tip(run) == str(found.get_attribute("aria-label")).replace("; ", "\n")
    box = run.run("const b = document.getElementById('tip').getBoundingClientRect(); return [b.left, b.right, b.top]")
    assert box[0] >= 0 and box[1] <= 1280 and box[2] >= 0
    run.hover(run.one("h1"))
    assert tip(run) is None


def test_keys_go_from_mark_to_mark(run: Screen) -> None:
    """One stop of the Tab key for a figure; arrows inside; Escape closes."""
    figure = run.one(".crossbars[data-rove]")
    marks = run.all(".crossbars[data-rove]:not(.large) rect.t")
    assert len(marks) > 1
    assert [m.get_attribute("tabindex") for m in marks] == ["0"] + ["-1"] * (len(marks) - 1)
    run.run("arguments[0].querySelector('.t').focus()", figure)
    assert tip(run) == str(marks[0].get_attribute("aria-label")).replace("; ", "\n")
    run.press(Keys.ARROW_RIGHT)
    assert tip(run) == str(marks[1].get_attribute("aria-label")).replace("; ", "\n")
    run.press(Keys.ESCAPE)
    assert tip(run) is None
    run.press(Keys.HOME)
    assert run.run("return document.activeElement") == marks[0]
    run.press(Keys.TAB)
    assert run.run("return document.activeElement.closest('.crossbars:not(.large)')") is None


def test_every_control_is_reached_by_the_tab_key(run: Screen) -> None:
    wanted = run.run(
        "return [...document.querySelectorAll('a, button, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.checkVisibility()).length"
    )
    run.run("document.activeElement.blur()")
    met = []
    for _ in range(wanted):
        run.press(Keys.TAB)
        met.append(run.run("const e = document.activeElement; return e === document.body ? null : e"))
    assert len({m.id for m in met if m is not None}) == wanted > 20


def test_a_die_shows_beside_the_levels(pages: dict[str, Path], browser: Screen) -> None:
    """Both pictures of an array in one line, as wide as each other, on a phone, too."""
    for width in (390, 1280):
        browser.open(pages["die"], width)
        pairs = browser.all(".twofold .pictures")
        assert pairs
        for pair in pairs:
            left, right = (s.rect for s in pair.find_elements(By.TAG_NAME, "svg"))
            assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
            assert abs(left["width"] - right["width"]) < 1 and left["width"] > 128


def test_the_filter_shows_one_layer_everywhere(run: Screen) -> None:
    def shown(selector: str) -> set[str]:
        return {str(e.get_attribute("data-layer")) for e in run.all(selector) if e.is_displayed()}

    rows, plots = "#table-layers tbody tr", ".plot[data-layer]"
    assert shown(rows) == shown(plots) == {"fc1", "fc2"}
    button = run.one("[data-only='fc2']")
    run.click(button)
    assert button.get_attribute("aria-pressed") == "true"
    assert run.one("[data-all]").get_attribute("aria-pressed") == "false"
    assert shown(rows) == shown(plots) == shown(".bars .row[data-layer]") == {"fc2"}
    pale = {str(e.get_attribute("data-layer")) for e in run.all(".crossbars rect.off")}
    assert pale <= {"fc1"}
    visible = [str(e.get_attribute("data-layers")) for e in run.all("[data-layers]") if e.is_displayed()]
    assert visible and all("fc2" in v.split("|") for v in visible)
    run.click(run.one("[data-all]"))
    assert shown(rows) == {"fc1", "fc2"} and not run.all(".crossbars rect.off")


def column(screen: Screen, table: str, k: int) -> list[str]:
    return [str(c.get_attribute("textContent")) for c in screen.all(f"#table-{table} tbody tr > :nth-child({k})")]


def test_tables_sort_by_numbers_and_by_words(pages: dict[str, Path], browser: Screen) -> None:
    browser.open(pages["screen"])
    names, cells = column(browser, "screen", 1), column(browser, "screen", 3)
    numbers = [int(c.replace(",", "")) for c in cells]
    head = browser.all("#table-screen thead th")
    assert {h.get_attribute("aria-sort") for h in head} == {"none"}
    button = browser.all("#table-screen thead button")[2]
    browser.click(button)
    assert [int(c.replace(",", "")) for c in column(browser, "screen", 3)] == sorted(numbers) != numbers
    assert head[2].get_attribute("aria-sort") == "ascending"
    browser.press(Keys.ENTER)  # the button has the focus
    assert [int(c.replace(",", "")) for c in column(browser, "screen", 3)] == sorted(numbers, reverse=True)
    assert head[2].get_attribute("aria-sort") == "descending"
    first = browser.all("#table-screen thead button")[0]
    browser.click(first)
    assert sorted(column(browser, "screen", 1)) == sorted(names)
    assert [h.get_attribute("aria-sort") for h in head][:3] == ["ascending", "none", "none"]


def test_rows_without_a_value_stay_below(pages: dict[str, Path], browser: Screen) -> None:
    browser.open(pages["screen"])
    heads = [h.text.split()[0] for h in browser.all("#table-screen thead th")]
    k = heads.index("interval")
    assert "" in column(browser, "screen", k + 1)
    for _ in range(2):
        browser.click(browser.all("#table-screen thead button")[k])
        found = column(browser, "screen", k + 1)
        assert found[: found.index("")] and not any(found[found.index("") :])


def test_a_table_comes_as_a_file(run: Screen) -> None:
    link = run.one("#table-layers .csv")
    text = run.run("return decodeURIComponent(arguments[0].href.split(',').slice(1).join(','))", link)
    assert text.splitlines()[0].startswith("layer,matrix,slices,arrays,cells")
    assert link.get_attribute("download") == "layers.csv"
