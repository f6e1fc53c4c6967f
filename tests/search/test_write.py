"""What a search says of its winner against others: signs of leads, curves, and which limits bind."""

import csv
import io
from pathlib import Path

import pytest

from codesign.search.answer import Point
from codesign.search.plot import _lines
from codesign.search.sweep import optimize
from codesign.search.write import compared, csv_text, gain, text_table
from codesign.train.recipe import Recipe
from tests.search.toy import pretend, smooth, toy


def apart(recipe: Recipe) -> float:
    """A score that tells methods and seeds apart: rounded nets are worse by 9 and a seed."""
    return smooth(recipe) - (9 + recipe.train.seed if recipe.train.method == "direct" else 0)


@pytest.fixture
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Point]:
    """A budget where nothing fits, one without a baseline, one with a winner that beats it."""
    pretend(monkeypatch, apart)
    return optimize(toy(tmp_path, "search.trials=99"), tmp_path / "out", budgets=(1, 4, 12))


def test_leads_are_the_winner_less_the_other(points: list[Point]) -> None:
    found = points[-1].answer
    assert found is not None and found.uniform is not None
    lead = found.winner.mean - found.uniform.mean
    assert lead > 0
    assert gain(found.winner, found.uniform) == pytest.approx([lead, lead])
    assert compared(found)["uniform"]["lead"] == pytest.approx(lead, abs=1e-4)
    assert gain(found.winner, found.direct) == pytest.approx([10, 11])
    assert compared(found)["direct"]["lead"] == pytest.approx(10.5)
    assert text_table(points)[1][-1][5] == f"{lead:.2f}"  # of two seeds, no interval


def test_every_budget_is_a_line(points: list[Point]) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(points))))
    assert [r["arrays_allowed"] for r in rows] == ["1", "4", "12"]
    assert set(rows[0].values()) == {"1", ""}
    assert (rows[1]["uniform"], rows[1]["lead"]) == ("", "")
    found = points[-1].answer
    assert found is not None and found.uniform is not None
    assert float(rows[2]["accuracy"]) == pytest.approx(found.winner.mean)
    assert float(rows[2]["uniform_accuracy"]) == pytest.approx(found.uniform.mean)
    assert float(rows[2]["direct_accuracy"]) == pytest.approx(found.direct.mean)
    assert float(rows[2]["lead"]) == pytest.approx(found.winner.mean - found.uniform.mean, abs=1e-4)


def test_curves_are_what_they_are_called(points: list[Point]) -> None:
    drawn = _lines(points)
    (four, twelve) = (p.answer for p in points[1:])
    assert four is not None and twelve is not None
    assert drawn == {
        "search": [(4, four.winner), (12, twelve.winner)],
        "uniform scaling": [(12, twelve.uniform)],
        "winner, quantized directly": [(4, four.direct), (12, twelve.direct)],
    }


@pytest.mark.parametrize(
    ("interval", "binding"), [(60, ("arrays",)), (50, ("arrays", "interval")), (45, ("interval",))]
)
def test_only_what_larger_choices_break_binds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: int, binding: tuple[str, ...]
) -> None:
    """Fewer lanes, which are no larger, break the interval, too."""
    pretend(monkeypatch)
    sets = ("free.chip.adc.lanes=[1, 4]", f"limits.interval={interval}", "search.trials=99")
    (point,) = optimize(toy(tmp_path, *sets), tmp_path / "out")
    assert point.answer is not None
    near = point.answer.certificate.neighbours
    broken = {size: {m.limit for n in near if n.larger == size for m in n.cost.misses} for size in (True, False)}
    assert broken == {True: set(binding), False: {"interval"}}
    assert point.answer.certificate.binding == binding
