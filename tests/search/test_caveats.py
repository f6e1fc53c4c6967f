"""Results of few seeds and quick runs are marked where people read them, and no interval is told over two seeds."""

import csv
import json
from pathlib import Path

import pytest

from codesign.report.caveats import caveats, interval
from codesign.report.stats import half_width
from tests.cli.calls import Call
from tests.search.toy import pretend, toy

pytestmark = pytest.mark.slow

QUICK = "A quick run: it shows how the tool works; its figures mean nothing."
TWO = "With 2 seeds no interval can be told; differences of this size may be chance."


def told(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """What the command prints of the toy, in one line."""
    pretend(monkeypatch, lambda recipe: 50.0 + sum(recipe.network.hidden) + recipe.train.seed)
    monkeypatch.setenv("COLUMNS", "200")
    toy(folder)
    out = call("optimize", folder / "toy.toml", "--out", folder / "out", "--set", "search.trials=3", *options)[1]
    return str(out)


def test_words() -> None:
    assert list(caveats(3, False)) == []
    assert list(caveats(2, True)) == [QUICK, TWO]
    assert list(caveats(1, False)) == [TWO.replace("2 seeds", "one seed")]
    assert (interval([1.0]), interval([1.0, 2.0])) == (None, None)
    assert interval([1.0, 2.0, 4.0]) == half_width([1.0, 2.0, 4.0])


@pytest.mark.parametrize("mode", [(), ("--reach", "60"), ("--reach", "999"), ("--budgets", "6,12")], ids=str)
def test_marked_where_people_read(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    two = told(call, tmp_path / "two", monkeypatch, *mode)
    assert two.count(TWO) == 1 and QUICK not in two
    quick = told(call, tmp_path / "quick", monkeypatch, *mode, "--quick")
    assert (quick.count(TWO), quick.count(QUICK)) == (1, 1)
    three = told(call, tmp_path / "three", monkeypatch, *mode, "--set", "search.seeds=[1, 2, 3]")
    assert TWO not in three and QUICK not in three
    assert "±" not in two.replace("mean over seeds ± half", "")
    assert "999" in mode or "±" in three.replace("mean over seeds ± half", "")


def test_a_front_has_one_seed(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = told(call, tmp_path, monkeypatch, "--front", "interval", "--quick")
    assert QUICK in out and TWO.replace("2 seeds", "one seed") in out


def test_in_files(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(call, tmp_path, monkeypatch)
    record = json.loads((tmp_path / "out/toy.json").read_text())["budgets"][0]
    assert record["certificate"]["test"]["ci95"] is record["certificate"]["held_out"]["ci95"] is None
    assert record["direct"]["lead_ci95"] is None
    with (tmp_path / "out/toy.csv").open() as f:
        (row,) = csv.DictReader(f)
    assert (row["accuracy_ci95"], row["lead_ci95"]) == ("", "")
