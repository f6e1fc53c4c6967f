"""Pages of study folders, from studies whose trainings are pretended."""

from pathlib import Path

import pytest

from codesign.page import page_of
from codesign.page.blocks import Page
from codesign.page.figures import Bars, Plot
from codesign.page.render import html
from codesign.study import run
from tests.page.pages import found
from tests.study.toy import TOY, pretend, result, toy

DIES = '\n[[die]]\nname = "worn"\ncells = { stuck_off = 0.1 }\ndraws = 4\n'


def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str = TOY, quick: bool = False) -> Page:
    dies = {"worn": [70.0, 75.0, 80.0, 60.0]} if "[[die]]" in text else None
    pretend(monkeypatch, lambda case, seed: result(80 + seed + 5 * (case == "wide"), 90.0 + seed, dies))
    tmp_path.mkdir(exist_ok=True)
    made = toy(tmp_path, text)
    run(made.quickly() if quick else made, tmp_path / "out")
    return page_of(tmp_path / "out")


def bars(page: Page) -> dict[str, Bars]:
    return {b.caption.partition(",")[0]: b for s in page.sections for b in s.blocks if isinstance(b, Bars)}


def test_question_answer_and_every_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = study(tmp_path, monkeypatch)
    assert page.asked == "Does it work?"
    assert page.answered == "plain: 81.50 %, 10.00 points below full precision (91.50 %)."
    accuracy = bars(page)["Percent of the test set right"]
    assert [b.label for b in accuracy.bars] == ["plain", "wide"]
    tips = [d.tip for d in accuracy.bars[0].dots]
    assert "plain; quantized, seed 1; 81.00 %" in tips and "plain; full precision, seed 2; 92.00 %" in tips
    reader = found(html(page))
    assert reader.wrong == [] and reader.headings == [1, 2, 2]
    assert "codesign study toy.toml --out DIR" in reader.text


def test_no_interval_over_two_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = bars(study(tmp_path / "a", monkeypatch))["Points below full precision"]
    assert all(not b.segments and "±" not in b.value for b in two.bars)
    three = study(tmp_path / "b", monkeypatch, TOY.replace("[1, 2]", "[1, 2, 3]"))
    drops = bars(three)["Points below full precision"]
    assert all(b.segments and "±" in b.value for b in drops.bars)
    assert three.warnings == ()


def test_quick_and_few_seeds_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = study(tmp_path, monkeypatch, quick=True)
    assert [w.partition(":")[0] for w in page.warnings] == [
        "A quick run",
        "With one seed no interval can be told; differences of this size may be chance.",
    ]


def test_dies_have_a_figure_only_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Percent right on imperfect dies; ± standard deviation" not in bars(study(tmp_path / "a", monkeypatch))
    page = study(tmp_path / "b", monkeypatch, TOY + DIES)
    worn = bars(page)["Percent right on imperfect dies; ± standard deviation"]
    assert worn.bars[0].dots[0].tip == "plain, worn; worst of 8 dies; 60.00 %"
    assert "worst" in found(html(page)).text


def test_a_key_of_numbers_is_an_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TOY.replace("[quick]", '[vary]\n"train.batch" = [16, 32, 128]\n\n[quick]')
    page = study(tmp_path, monkeypatch, text)
    (plot,) = (b for s in page.sections for b in s.blocks if isinstance(b, Plot))
    assert plot.x_label == "batch" and [k.text for k in plot.legend] == ["plain", "wide"]
    assert [len(line.points) for line in plot.lines] == [3, 3]


def test_the_page_follows_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(tmp_path, monkeypatch)
    pretend(monkeypatch, lambda case, seed: result(50.0 + seed))
    run(toy(tmp_path, TOY.replace('name = "toy"', 'name = "second"'), "second.toml"), tmp_path / "out")
    page = page_of(tmp_path / "out")
    assert page.title == "2 studies" and [s.name for s in page.sections] == ["second", "toy", "reproduce"]
    assert (tmp_path / "out" / "report.html").read_text() == html(page)
