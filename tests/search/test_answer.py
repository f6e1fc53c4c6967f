"""Answers without training: baselines, budgets where nothing fits, neighbours of winners from outside the space."""

from pathlib import Path

import pytest

from codesign.search import optimize
from search.toy import pretend, toy

LONE = "free.train.hidden={depth=[1], widths=[8]}"  # a space that baselines lie outside


class TestBaseline:
    @pytest.mark.parametrize("budgets", [(), (12, 16)])
    def test_one_outside_the_space_may_win(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budgets: tuple[int, ...]
    ) -> None:
        pretend(monkeypatch)
        points = optimize(toy(tmp_path, LONE, "baseline.hidden=[20,10]"), tmp_path / "out", budgets=budgets)
        for point in points:
            assert point.answer is not None
            assert point.answer.baseline is not None
            assert point.answer.winner.candidate == point.answer.baseline.candidate
            neighbours = point.answer.certificate["neighbours"]
            assert {n["key"] for n in neighbours} == {"train.hidden", "train.downsample"}
            assert all(n["candidate"] != point.answer.winner.candidate.plain() for n in neighbours)
