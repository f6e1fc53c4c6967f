"""The journal of a search: what was told once is read back as it was, or refused."""

import errno
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codesign.errors import InputError
from codesign.search.journal import Journal
from codesign.search.run import search
from codesign.search.shared import JOURNAL, joined, quiet
from codesign.workers import Workers
from tests.cli.calls import Call
from tests.search.toy import opened, pretend, toy

SMALL = ("free.network.hidden={depth=[1, 2], widths=[8, 16]}", "search.trials=3", "search.rungs=[1]")
WORKER = """
import sys
from pathlib import Path
from codesign.search.journal import Journal
journal = Journal(Path(sys.argv[1]))
for n in range(0, 40, 2):
    journal.append_logs([{"worker": int(sys.argv[2]), "n": n}, {"worker": int(sys.argv[2]), "n": n + 1}])
    list(journal.read_logs(0))
"""
LOGS = [{"op_code": k, "text": "ü" * k, "score": k / 7} for k in range(9)]


def entries(path: Path) -> list[dict[str, Any]]:
    return list(Journal(path).read_logs(0))


def written(path: Path) -> bytes:
    Journal(path).append_logs(LOGS)
    return path.read_bytes()


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        entries(path)
    return str(caught.value)


def mutations(content: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """Seeded changes of a file of lines, of every kind in turn."""
    rng = random.Random(18)
    kinds = ("flip", "digit", "delete", "double", "swap", "truncate", "insert", "join", "zero", "end")
    for k in range(count):
        kind, lines = kinds[k % len(kinds)], content.splitlines(keepends=True)
        at, line = rng.randrange(len(content)), rng.randrange(len(lines) - 1)
        if kind == "flip":
            made = content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        elif kind == "digit":  # a score, a time, a number of a trial
            at = rng.choice([m.start() for m in re.finditer(rb"\d", content)])
            made = content[:at] + bytes([(content[at] - 47) % 10 + 48]) + content[at + 1 :]
        elif kind == "delete":
            made = b"".join(lines[:line] + lines[line + 1 :])
        elif kind == "double":
            made = b"".join([*lines[: line + 1], *lines[line:]])
        elif kind == "swap":
            lines[line], lines[line + 1] = lines[line + 1], lines[line]
            made = b"".join(lines)
        elif kind == "truncate":
            made = content[:at]
        elif kind == "insert":
            made = content[:at] + bytes([rng.randrange(256)]) + content[at:]
        elif kind == "join":
            made = b"".join([*lines[:line], lines[line].rstrip(b"\n"), *lines[line + 1 :]])
        elif kind == "zero":  # a block that never reached the disk
            made = content[:at] + bytes(min(64, len(content) - at)) + content[at + 64 :]
        else:
            made = content + rng.randbytes(rng.randrange(1, 40)).replace(b"\n", b"\r")
        if made != content:
            yield kind, made


class TestDamage:
    def test_is_refused_or_only_the_end_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A prefix of what was told is what a kill leaves, and tests of kills show that the search ends alike."""
        pretend(monkeypatch)
        context, site = opened(toy(tmp_path, *SMALL), tmp_path / "out")
        search(context, site, Workers())
        path = site.out / JOURNAL
        content, told = path.read_bytes(), entries(path)
        assert len(told) > 30
        counts = {"refused": 0, "shorter": 0}
        tried = 0
        for kind, made in mutations(content, 500):
            tried += 1
            path.write_bytes(made)
            try:
                found = entries(path)
            except InputError as e:
                line = r"line \d+ is (damaged, or a line before it is missing|from an older codesign, .*)"
                rest = f"remove it; the trainings in {site.out}/jobs are kept"
                fits = re.fullmatch(f"{re.escape(str(path))}: {line}; {re.escape(rest)}", str(e))
                counts["refused"] += fits is not None and kind not in {"truncate", "end"}
            else:
                assert found == told[: len(found)], (kind, made)
                assert kind in {"truncate", "end"} or len(found) == len(told) - 1  # its end of line was hit
                counts["shorter"] += 1
        assert sum(counts.values()) == tried and counts["refused"] > 350 and counts["shorter"] >= 90

    @pytest.mark.parametrize(
        ("old", "new"), [(rb'"values":\[(\d+\.\d+)\]', rb'"values":["\1"]'), (rb"[^\n]*\"op_code\":5[^\n]*\n", b"")]
    )
    def test_as_a_user_meets_it(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes
    ) -> None:
        """A score that became a string, and a lost line."""
        pretend(monkeypatch)
        toy(tmp_path)
        argv = ["optimize", tmp_path / "toy.toml", "--out", tmp_path / "out", *(a for s in SMALL for a in ("--set", s))]
        assert call(*argv)[0] == 0
        path = tmp_path / "out" / JOURNAL
        damaged = re.sub(old, new, path.read_bytes(), count=1)
        assert damaged != path.read_bytes()
        path.write_bytes(damaged)
        status, out, err = call(*argv)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert re.match(rf"error: {path}: line \d+ is damaged, or a line before it is missing; remove it; the", err)
        path.unlink()
        assert call(*argv)[0] == 0

    def test_entries_that_optuna_does_not_know(self, tmp_path: Path) -> None:
        context, site = opened(toy(tmp_path, *SMALL), tmp_path / "out")
        Journal(site.out / JOURNAL).append_logs([{"op_code": 4}])
        with quiet(), pytest.raises(InputError) as caught:
            joined(context, site, [])
        assert str(caught.value) == (
            f"{site.out}/{JOURNAL}: is damaged; remove it; the trainings in {site.out}/jobs are kept"
        )

    def test_of_an_older_codesign(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        path.write_bytes(b'{"op_code":0}\n')
        assert refused(path) == (
            f"{path}: line 1 is from an older codesign, without checksums; "
            f"remove it; the trainings in {tmp_path}/jobs are kept"
        )

    def test_not_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        os.mkfifo(path)
        assert refused(path).startswith(f"{path}: cannot be read (not a regular file); remove it; ")

    def test_shorter_than_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        journal = Journal(path)
        journal.append_logs(LOGS)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(InputError, match="became shorter while it was in use; remove it; "):
            journal.append_logs(LOGS)
        assert path.stat().st_size == 50


class TestAppend:
    def test_reads_what_it_wrote(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        content = written(path)
        assert entries(path) == LOGS and content.count(b"\n") == 9
        mine, other = Journal(path), Journal(path)
        other.append_logs(LOGS[:2])
        mine.append_logs(LOGS[2:3])
        assert entries(path) == LOGS + LOGS[:3] == list(mine.read_logs(0)) and list(mine.read_logs(11)) == [LOGS[2]]

    def test_after_a_kill_in_the_middle_of_a_line(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        content = written(path)
        for cut in (1, 9, 30):
            path.write_bytes(content[:-cut])
            assert entries(path) == LOGS[:8]
            Journal(path).append_logs(LOGS[8:])
            assert path.read_bytes() == content

    def test_a_full_disk_leaves_no_half_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / JOURNAL
        content = written(path)

        def full(fd: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            Journal(path).append_logs(LOGS)
        assert path.read_bytes() == content

    @pytest.mark.slow
    def test_many_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / JOURNAL
        workers = [subprocess.Popen([sys.executable, "-c", WORKER, path, str(k)]) for k in range(4)]
        assert [w.wait(timeout=120) for w in workers] == [0] * 4
        told = [(e["worker"], e["n"]) for e in entries(path)]
        assert sorted(told) == [(k, n) for k in range(4) for n in range(40)]
        assert all([n for w, n in told if w == k] == list(range(40)) for k in range(4))
        assert len({w for w, _ in told[:60]}) > 1  # they did write in turns
