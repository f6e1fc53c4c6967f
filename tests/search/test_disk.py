"""A full disk, or one that cannot be written: a line for people, whatever was being written."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from codesign.search.journal import Journal
from codesign.search.run import search
from codesign.workers import Workers
from tests.cli.calls import Call
from tests.search.toy import opened, pretend, toy

SETS = ("search.trials=2", "search.rungs=[]", "search.seeds=[1]", "free.data.downsample=[2]")


def line(folder: Path) -> str:
    return f"error: {folder}: cannot be written (No space left on device); make it writable or choose another\n"


def command(tmp_path: Path) -> list[object]:
    toy(tmp_path)
    return ["optimize", tmp_path / "toy.toml", "--out", tmp_path / "out", *(a for s in SETS for a in ("--set", s))]


class TestFull:
    @pytest.mark.parametrize("after", [0, 3, 9])
    def test_at_the_journal(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        written: list[Any] = []
        write = Journal.append_logs

        def append(self: Journal, logs: list[dict[str, Any]]) -> None:
            if len(written) >= after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(logs)
            write(self, logs)

        pretend(monkeypatch)
        monkeypatch.setattr(Journal, "append_logs", append)
        argv = command(tmp_path)
        assert call(*argv) == (1, "", line(tmp_path / "out"))
        monkeypatch.setattr(Journal, "append_logs", write)
        assert call(*argv)[0] == 0

    @pytest.mark.parametrize("name", ["result.json", "time.json", "certificate.json", "toy.json", "toy.csv"])
    def test_at_a_file(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        replace = Path.replace

        def full(self: Path, target: Path) -> Path:
            if Path(target).name == name:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return replace(self, target)

        pretend(monkeypatch)
        monkeypatch.setattr(Path, "replace", full)
        argv = command(tmp_path)
        status, out, err = call(*argv)
        assert (status, out) == (1, "")
        assert err.startswith(f"error: {tmp_path}/out") and err.count("\n") == 1
        assert err.endswith(": cannot be written (No space left on device); make it writable or choose another\n")
        monkeypatch.setattr(Path, "replace", replace)
        assert call(*argv)[0] == 0

    def test_at_the_lock(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Or one that is only to be read."""

        def denied(*_: Any, **__: Any) -> Any:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr("codesign.folders.FileLock.acquire", denied)
        assert call(*command(tmp_path)) == (
            1,
            "",
            f"error: {tmp_path}/out: cannot be written (Permission denied); make it writable or choose another\n",
        )


def test_what_killed_writers_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files of killed writers are no results."""
    asked = pretend(monkeypatch)
    context, site = opened(toy(tmp_path, *SETS), tmp_path / "out")
    winner = search(context, site, Workers()).winner
    home = site.task(context, winner, 9, 1, held_out=True).home
    (home / "result.json").rename(home / f".result.json.{os.getpid()}.tmp")
    asked.clear()
    search(context, site, Workers())
    assert [t.home for t in asked] == [home]
