"""Records that later commands believe: as they were written, or not believed."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from codesign.errors import InputError, OutputError
from codesign.folders import MARKER, staged
from codesign.jobs.training import keep, read
from codesign.records import sealed, unsealed
from codesign.report import load
from codesign.search.measure import TIME, seconds
from tests.damage import mutations
from tests.report.example import example
from tests.search.toy import opened, toy
from tests.study.toy import result

CONTENT = {"name": "ü\x1b", "score": 97.25, "tiny": 1e-300, "list": [1, None, True, {"a": "b"}]}


class TestSeal:
    def test_round_trip_whatever_the_layout(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_text(sealed(CONTENT))
        assert unsealed(path) == CONTENT
        path.write_text(json.dumps(dict(reversed(json.loads(sealed(CONTENT)).items()))))
        assert unsealed(path) == CONTENT
        assert sealed(CONTENT) == sealed(dict(reversed(CONTENT.items())))

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"a": 1}', '{"sha256": 3}', "\0" * 9, "[" * 100000])
    def test_not_one(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError):
            unsealed(tmp_path / "a.json")

    def test_every_bit(self, tmp_path: Path) -> None:
        path, good = tmp_path / "a.json", sealed(CONTENT).encode()
        for at in range(len(good) * 8):
            path.write_bytes(good[: at // 8] + bytes([good[at // 8] ^ 1 << at % 8]) + good[at // 8 + 1 :])
            with suppress(ValueError):
                assert unsealed(path) == CONTENT  # a space between values that became a line's end, say


class TestMutations:
    """150 of each kind of record: never a traceback, never another figure."""

    def test_summary(self, tmp_path: Path) -> None:
        path, good, refused = tmp_path / "summary.json", example().json_text().encode(), 0
        for bad in mutations(good, 150):
            path.write_bytes(bad)
            try:
                assert load(tmp_path) == example()
            except InputError as e:
                shown = str(e)
                refused += shown.startswith(f"{path}: ") and "\n" not in shown
        assert refused > 120

    def test_results_and_times_of_trainings(self, tmp_path: Path) -> None:
        context, site = opened(toy(tmp_path), tmp_path / "out")
        task = site.task(context, next(iter(context.space)), 1, 1, held_out=True)
        task.home.mkdir(parents=True)
        kept = result(97.25, dies={"drawn": [70.5, 80.25]})
        keep(task, kept)
        (task.home / TIME).write_text(sealed({"time_s": 12.375}))
        assert (read(task.home), seconds(task)) == (kept, 12.375)
        lost = 0
        for name in ("result.json", TIME):
            good = (task.home / name).read_bytes()
            for bad in mutations(good, 150):
                (task.home / name).write_bytes(bad)
                found, took = read(task.home), seconds(task)
                assert found in (kept, None) and took in (12.375, 0.0)
                lost += found is None or not took
            (task.home / name).write_bytes(good)
        (task.home / TIME).write_text((task.home / TIME).read_text().replace("12.375", "82.375"))
        assert lost > 240 and seconds(task) == 0.0

    def test_a_result_of_another_training(self, tmp_path: Path) -> None:
        context, site = opened(toy(tmp_path), tmp_path / "out")
        one, other = (site.task(context, next(iter(context.space)), 1, seed, held_out=True) for seed in (1, 2))
        for task in (one, other):
            task.home.mkdir(parents=True)
            keep(task, result(80 + task.job.seed))
        (one.home / "result.json").write_bytes((other.home / "result.json").read_bytes())
        assert read(one.home) is None and read(other.home) is not None

    def test_marks_of_output_folders(self, tmp_path: Path) -> None:
        """Damaged ones are refused, and what the folder holds stays."""
        with staged(tmp_path / "p", "program") as work:
            (work / "a").write_text("x")
        mark, refused = tmp_path / "p" / MARKER, 0
        for bad in mutations(mark.read_bytes(), 150):
            mark.write_bytes(bad)
            try:
                with suppress(InterruptedError), staged(tmp_path / "p", "program"):
                    raise InterruptedError
            except OutputError as e:
                shown = str(e)
                refused += shown.startswith(f"{tmp_path}/p: holds ")
            assert sorted(os.listdir(tmp_path / "p")) == [MARKER, "a"]
        assert refused > 100
