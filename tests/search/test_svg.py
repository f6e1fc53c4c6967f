"""The picture that every mode of a search leaves beside its record: all candidates, of equal records equal bytes."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from codesign.page import page_of
from codesign.page.figures import Gallery, Plot
from codesign.page.render import html
from codesign.search import Question, front, optimize, reach, screen
from codesign.search.plot import svg
from codesign.views.cloud import Cloud, clouds
from tests.page.pages import found
from tests.search.toy import pretend, toy

MODES: dict[str, tuple[str, Callable[[Question, Path], Any]]] = {
    "one budget": ("toy", lambda q, out: optimize(q, out)),
    "budgets": ("toy", lambda q, out: optimize(q, out, budgets=(1, 4, 12))),
    "front": ("toy-energy_nj", lambda q, out: front(q, out, "energy_nj")),
    "reach": ("toy-reach", lambda q, out: reach(q, out, 60.0)),
    "nothing reaches": ("toy-reach", lambda q, out: reach(q, out, 99.0, "latency")),
    "screen": ("toy-screen", lambda q, out: screen(q, out)),
}
SETS = ("search.trials=99", "search.rungs=[]", "search.seeds=[1]")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def left(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any], Path]:
    """The name that a mode's record has, the record, and the folder."""
    pretend(monkeypatch)
    name, ask = MODES[mode]
    ask(toy(tmp_path, *SETS), tmp_path / "out")
    return name, json.loads((tmp_path / f"out/{name}.json").read_text()), tmp_path / "out"


def marks(picture: str) -> Counter[str]:
    """How many markers of each colour a picture has in its axes, its legend left out."""
    drawn = re.compile(r'<use xlink:href="#m\w+" x="[\d.]+" y="[\d.]+" style="fill: \S+; stroke: (#\w+)[^"]*"/>')
    axes = picture.split('<g id="legend_1">')[0]
    return Counter(colour for colour in drawn.findall(axes) if colour != "#000000")


def test_it_lies_beside_the_record(left: tuple[str, dict[str, Any], Path]) -> None:
    name, _, out = left
    assert [p.name for p in out.glob("*.svg")] == [f"{name}.svg"]
    links = found((out / "report.html").read_text()).links
    assert f"{name}.svg" in links and all(
        (out / link).is_file() for link in links if not link.startswith(("#", "data:"))
    )


def test_every_candidate_is_drawn(left: tuple[str, dict[str, Any], Path], mode: str) -> None:
    name, record, out = left
    picture, here = (out / f"{name}.svg").read_text(), clouds(record)
    best = sum(s.is_best for c in here for s in c.spots)
    dominated = sum(not s.is_best for c in here for s in c.spots)
    assert best > 1 and dominated > 1
    trained = [t for b in record.get("budgets", [record]) for t in b.get("tried", [])]
    every = {e["label"] for e in record.get("candidates", trained) if not e.get("misses") and e.get("full", True)}
    assert all({s.label for s in c.spots} == every for c in here)
    answers = [b for b in record.get("budgets", []) if "certificate" in b] if mode == "budgets" else []
    on_curve = Counter({"#0072b2": len(answers), "#009e73": len(answers)})
    on_curve["#d55e00"] = sum(b["uniform"] is not None for b in answers)
    assert marks(picture) == Counter({"#0072b2": best, "#999999": dominated}) + on_curve, mode
    assert all(f">{words}<" in picture for words in ("dominated", here[0].best, here[0].unit, here[0].worth, "Which?"))
    assert [c.quantity for c in here] == {
        "front": ["energy_nj"],
        "nothing reaches": ["latency", "arrays", "interval", "energy_nj"],
    }.get(mode, ["arrays", "interval", "energy_nj"])
    assert (">target, 99 %<" in picture) == (mode == "nothing reaches")


def test_the_page_draws_the_same(left: tuple[str, dict[str, Any], Path]) -> None:
    _, record, out = left
    blocks = [b for s in page_of(out).sections for b in s.blocks]
    plots = [p for b in blocks for p in (b.plots if isinstance(b, Gallery) else [b]) if isinstance(p, Plot)]
    drawn = {p.caption.rpartition(" ")[2]: p for p in plots if " against " in p.caption}
    for cloud in clouds(record):
        dots = drawn[cloud.quantity].dots
        assert [d.tip.split("; ")[0] for d in dots] == [s.label for s in cloud.spots]
        assert ["; dominated" in d.tip for d in dots] == [not s.is_best for s in cloud.spots]


def test_equal_records_are_equal_bytes(left: tuple[str, dict[str, Any], Path], mode: str) -> None:
    name, record, out = left
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.fonttype": "path"}):
        again = svg(name, record)
    assert again is not None and again == svg(name, record)
    if mode != "budgets":  # whose picture has the curve, too
        assert again == (out / f"{name}.svg").read_bytes()


def crowd(count: int) -> dict[str, Any]:
    """The record of a screening, of `count` candidates that lie close together and one that beats them."""
    quantities = {"arrays": 9, "interval": None, "energy_nj": 1000.0}
    one = {"misses": [], "front": False}
    entries = [one | {"label": f"{k}", "cells": 1000 + k, "quantities": quantities} for k in range(count)]
    small = quantities | {"arrays": 1, "energy_nj": 1.0}
    best = {"label": "best", "cells": 10**6, "quantities": small, "misses": [], "front": True}
    beyond = {"label": "beyond", "cells": 10**9, "quantities": quantities, "misses": ["arrays"], "front": False}
    return {"question": "How many?", "candidates": [*entries, best, beyond]}


def test_dominated_ones_at_one_place_are_drawn_once() -> None:
    here: tuple[Cloud, ...] = clouds(crowd(600))
    assert [c.quantity for c in here] == ["arrays", "energy_nj"], "no candidate has an interval"
    for cloud in here:
        first, best = cloud.spots
        assert (first.others, first.is_best, best.label) == (599, False, "best")
        assert cloud.is_log == (cloud.quantity == "energy_nj")
    assert [len(c.spots) for c in clouds(crowd(499))] == [500, 500], "so few are all drawn"
    picture = svg("crowd", crowd(600))
    assert picture is not None and marks(picture.decode()) == {"#0072b2": 2, "#999999": 2}
    assert svg("none", {"question": "", "candidates": crowd(3)["candidates"][-1:]}) is None


def test_a_page_elsewhere_links_back(tmp_path: Path) -> None:
    from codesign import page

    home = tmp_path / "a b"
    screen(toy(tmp_path), home)
    for target in (tmp_path / "page.html", tmp_path / "c/d/page.html"):
        page.write(home, target)
        links = [link for link in found(target.read_text()).links if "toy-screen" in link]
        assert len(links) == 2 and all("a%20b/" in link for link in links)
        assert all((target.parent / link.replace("%20", " ")).is_file() for link in links)
    assert 'href="toy-screen.svg"' in html(page_of(home))
