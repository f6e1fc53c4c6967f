"""Pages of search folders, from searches whose trainings are pretended."""

import csv
from pathlib import Path

import pytest

from codesign.page import page_of
from codesign.page.blocks import Page, Table
from codesign.page.figures import Dot, Gallery, Plot
from codesign.page.render import html
from codesign.search import front, optimize, reach, screen
from codesign.workers import Workers
from tests.page.pages import found
from tests.search.toy import TOY, pretend, toy


def named(page: Page, name: str) -> Table:
    return next(t for t in page.tables if t.name == name)


def dots(page: Page, section: str) -> list[Dot]:
    (here,) = (s for s in page.sections if s.name == section)
    plots = [p for b in here.blocks for p in (b.plots if isinstance(b, Gallery) else [b]) if isinstance(p, Plot)]
    return [d for p in plots for d in p.dots]


def sound(page: Page) -> str:
    """The text of a page that is well formed and links to nothing outside of its folder."""
    reader = found(html(page))
    assert reader.wrong == [] and reader.unnamed == []
    assert reader.headings == [1] + [2] * len(page.sections)
    assert len(set(reader.ids)) == len(reader.ids)
    assert not [link for link in reader.links if "//" in link or link.startswith("/")]
    names = [t.name for t in page.tables]
    assert all(c.name for t in page.tables for c in t.columns)
    assert len(set(names)) == len(names)
    return reader.text


def test_several_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    points = optimize(toy(tmp_path, "search.trials=99"), tmp_path / "out", budgets=(1, 4, 12))
    page = page_of(tmp_path / "out")
    text = sound(page)
    assert page.asked == "Which?" and page.answered.startswith("2 budgets: from ")
    rows = named(page, "budgets").rows
    assert [r[0] for r in rows] == [1, 4, 12] and rows[0][2] == "nothing fits"
    best = points[-1].answer
    assert best is not None and rows[2][2] == best.winner.candidate.label
    assert "With 2 seeds no interval can be told" in text and "A quick run" not in text
    assert "± 95 %" not in text, "two seeds have no interval"
    assert {s.name for s in page.sections} >= {"search-answer", "search-winner-4", "search-winner-12", "search-tried"}


def test_dominated_candidates_are_drawn_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch)
    optimize(toy(tmp_path, "search.rungs=[]", "search.trials=99"), tmp_path / "out")
    page = page_of(tmp_path / "out")
    table = named(page, "search-candidates")
    first = {t.job.flow.network.hidden for t in asked if t.job.flow.data.validation and t.job.flow.train.seed == 1}
    assert len(table.rows) >= len(first) > 3
    tips = [d.tip for d in dots(page, "search-tried")]
    assert any(t.endswith("dominated") for t in tips) and any(t.endswith("not beaten") for t in tips)
    kinds = {d.shape for d in dots(page, "search-tried")}
    assert kinds == {"o", "x"}
    assert "search-importance" in {s.name for s in page.sections} and len(table.rows) >= 10
    assert len(list(csv.reader(table.csv.splitlines()))) == 1 + len(table.rows)


def test_a_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    made = front(toy(tmp_path, "search.trials=99"), tmp_path / "out", "interval", workers=Workers())
    page = page_of(tmp_path / "out")
    sound(page)
    assert page.answered.startswith(f"{len(made.best)} of {made.trained} trained candidates are not beaten")
    first, last = made.best[0], made.best[-1]
    ends = [f"{t.scores[-1]:.2f} % held-out at {t.cost.interval}" for t in (first, last)]
    assert page.answered.endswith(f": from {ends[0]} to {ends[1]} cycles between images.")
    best = {c.candidate.label for c in made.best}
    table = named(page, "front-interval-candidates")
    assert {table.rows[k][0] for k in table.strong} == best and len(table.rows) == made.trained > len(best)
    tips = [d.tip for d in dots(page, "front-interval")]
    assert {t.split(";")[0] for t in tips if t.endswith("not beaten")} >= best


def test_a_screening_needs_no_training(tmp_path: Path) -> None:
    screen(toy(tmp_path), tmp_path / "out")
    page = page_of(tmp_path / "out")
    text = sound(page)
    assert "none was trained" in page.answered and page.facts == () and page.warnings == ()
    fits = {row[1] for row in named(page, "screen").rows}
    assert fits == {"front", "fits", "no"}
    assert "Which keys matter" not in text and "What was tried" not in text


def test_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    made = reach(toy(tmp_path), tmp_path / "out", 60.0)
    page = page_of(tmp_path / "out")
    text = sound(page)
    assert page.answered.startswith(f"60 % held-out needs {made.least:g} arrays: ")
    assert [float(str(r[0])) for r in named(page, "probed").rows] == [limit for limit, _ in made.probed]
    assert "codesign optimize toy.toml --reach 60 --minimize arrays --out DIR" in text


def test_one_folder_many_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the folder holds is on its one page."""
    pretend(monkeypatch)
    question = toy(tmp_path)
    screen(question, tmp_path / "out")
    optimize(question, tmp_path / "out")
    front(question, tmp_path / "out", "energy_nj")
    page = page_of(tmp_path / "out")
    sound(page)
    assert {"screen", "search-answer", "front-energy_nj"} <= {s.name for s in page.sections}


def test_an_older_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lists no candidates, and does not say what command made it."""
    import json

    pretend(monkeypatch)
    optimize(toy(tmp_path), tmp_path / "out")
    path = tmp_path / "out" / "toy.json"
    record = json.loads(path.read_text())
    for key in ("codesign", "command", "quick"):
        del record[key]
    for entry in record["budgets"]:
        del entry["tried"]
    path.write_text(json.dumps(record))
    page = page_of(tmp_path / "out")
    sound(page)
    assert {s.name for s in page.sections} == {"search-answer", "search-winner", "reproduce"}


def test_a_quick_search_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    from codesign.search import load

    toy(tmp_path, text=TOY)
    optimize(load(tmp_path / "toy.toml", quick=True), tmp_path / "out")
    page = page_of(tmp_path / "out")
    assert page.verdict == "" and page.warnings[0].startswith("A quick run: ")
    assert "codesign optimize toy.toml --quick --out DIR" in sound(page)
