"""What ends a search early: after it the same command comes to the same end, and trains nothing twice."""

from pathlib import Path
from typing import Any

import pytest

from codesign.errors import ConfigError, InputError, OutputError
from codesign.search import optimize
from codesign.search.context import Context
from codesign.search.journal import Journal
from codesign.search.run import search
from codesign.search.shared import JOURNAL, joined, quiet
from codesign.search.site import Site
from codesign.search.trial import try_one
from codesign.train.recipe import Recipe
from codesign.workers import Workers
from tests.search.toy import opened, pretend, toy

SMALL = ("free.network.hidden={depth=[1, 2], widths=[8, 16]}", "search.trials=5", "search.floor=2", "search.rungs=[1]")


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


def ends(context: Context, site: Site) -> list[Any]:
    found = search(context, site, Workers())
    return [[(t.candidate, t.scores, t.full) for t in found.tried], found.finalists, found.fitting]


def bumpy(recipe: Recipe) -> float:
    """Good and bad ones in turn."""
    return 60 + sum(recipe.network.hidden) * 37 % 17 - recipe.data.downsample + recipe.train.epochs / 10


class TestKilled:
    @pytest.mark.parametrize("trials", [5, pytest.param(12, marks=pytest.mark.slow)])
    def test_at_any_line_of_the_journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int) -> None:
        """5 of 10 that fit, and all of them."""
        sets = (*SMALL, f"search.trials={trials}")
        asked = pretend(monkeypatch, bumpy)
        whole = opened(toy(tmp_path, *sets), tmp_path / "whole")
        expected, once = ends(*whole), len(asked)
        lines = (tmp_path / "whole" / JOURNAL).read_text().count("\n")
        assert lines > 50
        write = Journal.append_logs
        for last in range(1 + trials % 3, lines, 19):
            written = 0

            def append(self: Journal, logs: list[dict[str, Any]]) -> None:
                nonlocal written
                written += 1
                if written > last:  # noqa: B023
                    raise Killed
                write(self, logs)

            context, site = opened(toy(tmp_path, *sets), tmp_path / str(last))
            asked.clear()
            with monkeypatch.context() as patched, pytest.raises(Killed):
                patched.setattr(Journal, "append_logs", append)
                ends(context, site)
            assert ends(context, site) == expected, last
            assert len(asked) == len({t.home for t in asked}) == once

    def test_with_a_larger_neighbour_queued(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Enough was trained; what was then queued, because it is larger than the best, is trained after the kill."""
        sets = (
            "free.network.hidden={depth=[1], widths=[8, 16, 20, 24]}",
            "search.trials=1",
            "search.rungs=[]",
            "search.seed=0",
        )
        pretend(monkeypatch, lambda recipe: 60 - sum(recipe.network.hidden) / 10 - recipe.data.downsample)
        expected = ends(*opened(toy(tmp_path, *sets), tmp_path / "whole"))
        assert len(expected[0]) > 1
        lines = (tmp_path / "whole" / JOURNAL).read_text().splitlines(keepends=True)
        for last in range(len(lines)):
            context, site = opened(toy(tmp_path, *sets), tmp_path / str(last))
            (site.out / JOURNAL).write_text("".join(lines[:last]))
            assert ends(context, site) == expected, last

    def test_in_any_training(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch, bumpy)
        expected, once = ends(*opened(toy(tmp_path, *SMALL), tmp_path / "whole")), len(asked)
        for last in range(0, once, 2):
            done: list[Recipe] = []

            def score(recipe: Recipe) -> float:
                if len(done) == last:  # noqa: B023
                    raise Killed
                done.append(recipe)  # noqa: B023
                return bumpy(recipe)

            context, site = opened(toy(tmp_path, *SMALL), tmp_path / str(last))
            pretend(monkeypatch, score)
            with pytest.raises(Killed):
                ends(context, site)
            asked = pretend(monkeypatch, bumpy)
            assert ends(context, site) == expected, last
            assert len(asked) == once - last

    def test_what_was_running_is_tried_again_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def killed(recipe: Recipe) -> float:
            raise Killed

        context, site = opened(toy(tmp_path, *SMALL), tmp_path / "out")
        openings = list(context.space)[2:6]
        with quiet():
            joined(context, site, openings)
            pretend(monkeypatch, killed)
            with pytest.raises(Killed):
                try_one(context, site)
            pretend(monkeypatch)
            joined(context, site, openings)
            tried = [try_one(context, site) for _ in openings]
        assert [t.candidate for t in tried if t is not None] == openings


class TestJournal:
    def test_half_a_line_is_mended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        context, site = opened(toy(tmp_path, *SMALL), tmp_path / "out")
        expected = ends(context, site)
        journal = site.out / JOURNAL
        content = journal.read_bytes()
        for cut in (3, 40):
            journal.write_bytes(content[:-cut])
            assert ends(context, site) == expected
            assert journal.read_bytes().endswith(b"\n")
            assert list(Journal(journal).read_logs(0))

    @pytest.mark.parametrize("damage", [b"{\n", b"[]\n", b"null\n", b'{"op_code": 4}\n', b"\x00\x00\n", b"\xff\n"])
    def test_a_damaged_one_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
        pretend(monkeypatch)
        context, site = opened(toy(tmp_path, *SMALL), tmp_path / "out")
        ends(context, site)
        journal = site.out / JOURNAL
        lines = journal.read_bytes().splitlines(keepends=True)
        lines[4] = damage
        journal.write_bytes(b"".join(lines))
        with pytest.raises(InputError) as caught:
            ends(context, site)
        assert str(caught.value) == (
            f"{journal}: line 5 is damaged, or a line before it is missing; "
            f"remove it; the trainings in {site.out}/jobs are kept"
        )
        journal.unlink()
        asked = pretend(monkeypatch)
        ends(context, site)
        assert asked == []

    def test_another_question_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        search(*opened(toy(tmp_path, *SMALL), tmp_path / "out"), Workers())
        other = ("train.lr=0.5", "search.seed=1", "search.seeds=[2]", "search.keep=4", "free.data.downsample=[1]",
                 "search.validation=200", "set.chip.adc.bits=5", "evaluate.draws=3")  # fmt: skip
        for change in other:
            with pytest.raises(ConfigError) as caught:
                search(*opened(toy(tmp_path, *SMALL, change), tmp_path / "out"), Workers())
            assert str(caught.value) == (
                f"{tmp_path}/out: holds the search of another question, space, data set or version of codesign; "
                "choose another folder, or remove it"
            )
        for change in ("search.trials=4", "search.finalists=1", "simulate.images=1", "question=Why?"):
            search(*opened(toy(tmp_path, *SMALL, change), tmp_path / "out"), Workers())

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(OutputError) as caught:
            optimize(toy(tmp_path), tmp_path)
        assert "holds files codesign did not write" in str(caught.value)
