"""The least chip for an accuracy, and fronts, against going through everything."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import CapacityError, ConfigError
from codesign.search import front, front_table, missed_table, missed_text, reach, reached_record, run, sweep
from codesign.search.answer import slug
from codesign.search.context import Context
from codesign.search.cost import Cost
from codesign.search.describe import Limits, Question
from codesign.search.front import unbeaten
from codesign.search.rendering import record
from codesign.search.run import Found
from codesign.search.space import Candidate
from codesign.search.trial import Tried
from tests.search.toy import opened, pretend, smooth, toy

ALL = ("search.trials=99", "search.rungs=[]", "search.seeds=[1]")
FULL = ("train.epochs", 9)


def scores(context: Context) -> dict[Candidate, float]:
    """Of every candidate that fits."""
    price = context.pricer
    return {c: smooth(context.flow(c, FULL)) for c in context.space if price(c).fits}


class TestReach:
    @pytest.mark.parametrize(
        ("quantity", "limits", "target"),
        [
            ("arrays", {"arrays": 12}, 60.0),
            ("arrays", {"interval": 40}, 55.0),
            pytest.param("interval", {"arrays": 12}, 60.0, marks=pytest.mark.slow),
            pytest.param("latency", {"arrays": 7}, 52.0, marks=pytest.mark.slow),
            pytest.param("energy_nj", {"arrays": 12}, 63.0, marks=pytest.mark.slow),
            pytest.param("programming_s", {"arrays": 8, "latency": 60}, 50.0, marks=pytest.mark.slow),
        ],
    )
    def test_the_least(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantity: str, limits: dict[str, float], target: float
    ) -> None:
        pretend(monkeypatch)
        question = toy(tmp_path, *ALL).model_copy(update={"limits": Limits(**limits)})  # type: ignore[arg-type]
        context = opened(question, tmp_path / "brute")[0].under(Limits(**limits))  # type: ignore[arg-type]
        if quantity == "arrays":  # on the smallest chip that does, which packs
            chips = (context.under(Limits(**limits | {"arrays": b})) for b in range(1, 40))  # type: ignore[arg-type]
            context = next(chip for chip in chips if max(scores(chip).values(), default=0) >= target)
        price = context.pricer
        every = [(price(c).quantities()[quantity], s) for c, s in scores(context).items()]
        least = min(q for q, s in every if q is not None and s >= target)
        found = reach(question, tmp_path / "out", target, quantity)
        assert found.answer is not None
        assert found.least == least
        assert record(found.answer.certificate)["limits"][quantity] == pytest.approx(least, abs=1e-4)
        assert record(found.answer.certificate)["quantities"][quantity]["value"] == pytest.approx(least, abs=1e-4)
        assert smooth(context.flow(found.answer.found.winner, FULL)) >= target
        assert [limit for limit, _ in found.probed] == sorted({limit for limit, _ in found.probed})
        assert all((mean >= target) == (limit >= least) for limit, mean in found.probed)

    def test_packed_where_own_tiles_are_too_many(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        question = toy(tmp_path, *ALL)
        context = opened(question, tmp_path / "alone", arrays=1024)[0]
        found = reach(question, tmp_path / "out", 46)
        assert found.answer is not None
        assert found.least == found.answer.certificate.cost.arrays == 2
        assert min(context.pricer(c).arrays for c in context.space) == 3

    @pytest.mark.slow
    def test_where_nothing_fits_does_not_reach(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Values come from other plans than a chip's of so many arrays, which may break another limit."""
        pretend(monkeypatch)

        def search(context: Context, *args: object) -> Found:
            if (context.limits.arrays or 0) < 7:
                raise CapacityError("none fits")
            return run.search(context, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(sweep, "search", search)
        found = reach(toy(tmp_path, *ALL), tmp_path / "out", 30)
        assert found.least == 7 == found.probed[0][0]
        monkeypatch.setattr(sweep, "search", lambda context, *args: search(context.under(Limits(arrays=1))))
        with pytest.raises(CapacityError, match="none fits"):
            reach(toy(tmp_path, *ALL), tmp_path / "out", 30)

    def test_nothing_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was tried and what comes nearest is told, and stays."""
        pretend(monkeypatch)
        found = reach(toy(tmp_path, *ALL, "search.seeds=[1, 2, 3]"), tmp_path / "out", 99)
        assert (found.least, found.answer) == (None, None)
        assert missed_text(found) == (
            f"{tmp_path}/toy.toml: nothing reached 99 % held-out; the nearest is 75.90 %, hidden 24-24, downsample 1; "
            "ask for less, free larger choices or raise search.trials"
        )
        assert repr(found) == "Reached(99 % not reached: hidden 24-24, downsample 1, 23.10 points short)"
        record = json.loads((tmp_path / "out/toy-reach.json").read_text())
        assert record == reached_record(found)
        assert (record["reached"], record["least"], "certificate" in record) == (False, None, False)
        assert record["nearest"]["label"] == "hidden 24-24, downsample 1"
        assert (record["nearest"]["mean"], record["nearest"]["short"]) == (75.9, 23.1)
        assert record["probed"] == [{"limit": 22, "held_out": 75.9}]  # arrays that all candidates fit
        assert len(record["tried"]) == len(found.found.tried) > 20
        page = (tmp_path / "out/report.html").read_text()
        told = (
            "Nothing reached 99 % held-out under the loosest limit; the nearest is hidden 24-24, downsample 1, 75.90 %"
        )
        assert f"{told}, 23.10 points short. {len(record['tried'])} candidates were trained." in page

    def test_what_was_tried_nearest_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        sets = ("search.rungs=[1]", "search.trials=99", "search.floor=1", "search.seeds=[1, 2, 3]")
        found = reach(toy(tmp_path, *sets), tmp_path / "out", 80, "interval")
        head, rows, note = missed_table(found)
        assert head == ["held-out", "short by", "trained", "interval", "candidate"]
        tried = {t.candidate.label: t for t in found.found.tried}
        assert {r[2] for r in rows} == {"3 seeds", "in full", "1 epoch"}
        assert [r[2] for r in rows] == sorted((r[2] for r in rows), key=["3 seeds", "in full", "1 epoch"].index)
        assert [r[4] for r in rows[:2]] == [s.candidate.label for s in found.found.finalists]
        for score, short, _, interval, label in rows:
            assert float(score) + float(short) == pytest.approx(80)
            assert float(interval) == tried[label].cost.interval
        assert len(rows) == min(20, len(tried)) and len({r[4] for r in rows}) == len(rows)
        assert note.splitlines()[1] == f"nearest: {rows[0][4]}, {rows[0][1]} points short of 80 %"
        assert (f"; {len(tried) - 20} more in toy-reach.json" in note) == (len(tried) > 20)

    def test_no_such_quantity(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            reach(toy(tmp_path), tmp_path / "out", 50, "area")
        assert str(caught.value) == (
            "--minimize area: no such quantity; use one of arrays, interval, latency, activation_words, energy_nj, "
            "programming_s"
        )

    def test_too_many_to_go_through(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            reach(toy(tmp_path, "free.network.hidden={depth=[4], most=120}"), tmp_path / "out", 50)
        assert str(caught.value) == (
            f"{tmp_path}/toy.toml: --reach lists every candidate, and 101,250 are too many (at most 20,000); free "
            "fewer values"
        )

    def test_other_limits_leave_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(CapacityError) as caught:
            reach(toy(tmp_path, "limits.interval=3"), tmp_path / "out", 50)
        assert str(caught.value) == f"{tmp_path}/toy.toml: no candidate meets the other limits; raise them"


def test_limits_that_are_nearly_equal_are_two_searches(tmp_path: Path) -> None:
    """--reach probes values that candidates have, to the last digit."""
    names = set()
    for limit in (
        {"energy_nj": 0.5643521},
        {"energy_nj": 0.5643522},
        {"interval": 10_000_001},
        {"interval": 10_000_002},
    ):
        context = opened(toy(tmp_path), tmp_path / "out")[0].under(Limits.model_construct(**limit))
        names |= {context.name, slug(context)}
    assert len(names) == 8
    assert opened(toy(tmp_path), tmp_path / "out")[0].name == "arrays <= 12"


class TestFront:
    def test_unbeaten(self) -> None:
        rng = np.random.default_rng(0)
        for count in (1, 2, 5, 40):
            known = [
                Tried(Candidate((("k", k),)), Cost(0, int(a), 0), (float(s),), True)
                for k, (a, s) in enumerate(zip(rng.integers(1, 12, count), rng.integers(0, 12, count), strict=True))
            ]
            points = {(t.cost.arrays, t.scores[-1]) for t in known}
            expected = {
                (a, s) for a, s in points if not any((b, -t) != (a, -s) and b <= a and t >= s for b, t in points)
            }
            best = unbeaten(known, "arrays")
            assert [(t.cost.arrays, t.scores[-1]) for t in best] == sorted(expected)

    def exact(self, question: Question, folder: Path, quantity: str) -> list[tuple[float, float]]:
        context, _ = opened(question, folder)
        price = context.pricer
        points = {(float(price(c).quantities()[quantity] or 0), s) for c, s in scores(context).items()}
        return sorted((q, s) for q, s in points if not any(a <= q and b >= s and (a, b) != (q, s) for a, b in points))

    @pytest.mark.parametrize("quantity", ["interval", "energy_nj"])
    def test_all_of_a_small_space(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantity: str) -> None:
        pretend(monkeypatch)
        question = toy(tmp_path, *ALL)
        found = front(question, tmp_path / "out", quantity)
        best = [(float(t.cost.quantities()[quantity] or 0), t.scores[-1]) for t in found.best]
        assert best == self.exact(question, tmp_path / "brute", quantity)
        assert found.exhaustive and found.trained == 19
        record = json.loads((tmp_path / f"out/toy-{quantity}.json").read_text())
        assert [p["quantities"][quantity] for p in record["front"]] == [q for q, _ in best]
        with (tmp_path / f"out/toy-{quantity}.csv").open() as f:
            assert [row["candidate"] for row in csv.DictReader(f)] == [t.candidate.label for t in found.best]
        assert 0 < len(found.best) < len(found.every)
        _, rows, note = front_table(found)
        assert len(rows) == len(best)
        assert note.splitlines() == [
            "every candidate that fits was trained; one seed, percent of held-out images",
            "With one seed no interval can be told; differences of this size may be chance.",
        ]

    def test_of_a_larger_one_what_fits(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        question = toy(tmp_path, *ALL, "free.network.hidden={depth=[1, 2], most=64}", "search.trials=12")
        found = front(question, tmp_path / "out", "interval")
        assert found.trained == 12 == len(asked) and not found.exhaustive
        assert all(t.cost.fits for t in found.best)
        first = (tmp_path / "out/toy-interval.json").read_bytes()
        again = front(toy(tmp_path / "again", *ALL, "free.network.hidden={depth=[1, 2], most=64}", "search.trials=12"),
                      tmp_path / "again/out", "interval")  # fmt: skip
        assert again.best == found.best
        assert (tmp_path / "again/out/toy-interval.json").read_bytes() == first

    def test_no_such_quantity(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            front(toy(tmp_path), tmp_path / "out", "area")
        assert str(caught.value).startswith("--front area: no such quantity; use one of arrays, interval, ")
