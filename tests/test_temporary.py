"""Temporary folders: gone at the end; what killed processes left goes with the next one, never what is in use."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.errors import ToolError
from codesign.rtl import emit
from codesign.rtl.readback import read_back
from codesign.sim import place
from codesign.sim.simulators import icarus
from codesign.temporary import log_of, temporary
from tests.holder import Hold

OURS = f"codesign-{socket.gethostname()}-"
HELD = """
import sys, time
from codesign.temporary import temporary
with temporary() as work:
    print(work, flush=True)
    time.sleep(120)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie."""
    home = tmp_path / "tmp"
    home.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    return home


@pytest.fixture
def dead() -> int:
    """The number of a process that is gone."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    return pid


def left(home: Path, pid: int, name: str = "x") -> Path:
    folder = home / f"{OURS}{pid}-{name}"
    folder.mkdir()
    (folder / "half").write_text("x")
    return folder


@pytest.mark.parametrize("end", [None, ZeroDivisionError, KeyboardInterrupt])
def test_gone_at_the_end(end: type[BaseException] | None, home: Path) -> None:
    with pytest.raises(end) if end else nullcontext(), temporary() as work:
        assert work.parent == home and work.is_dir()
        if end:
            raise end
    assert list(home.iterdir()) == []


def test_what_a_killed_process_left(home: Path) -> None:
    command = [sys.executable, "-c", HELD]
    held = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(home)})
    assert held.stdout is not None
    work = Path(held.stdout.readline().strip())
    log_of(work).write_text("no message names it")
    with temporary():
        assert work.is_dir() and log_of(work).exists()
    held.send_signal(signal.SIGKILL)
    held.communicate()
    assert work.is_dir()
    with temporary() as own:
        assert list(home.iterdir()) == [own]


def test_nothing_in_use_whatever_its_number_says(home: Path, dead: int, holder: Hold) -> None:
    """Of a process in a container, say, that shares the folder and is dead as far as we see."""
    folder = left(home, dead)
    held = holder("alone", folder)
    with temporary():
        assert (folder / "half").exists()
    held.kill()
    held.wait()
    with temporary():
        assert not folder.exists()


def test_no_link_is_followed(home: Path, dead: int, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    link = home / f"{OURS}{dead}-x"
    link.symlink_to(tmp_path / "mine")
    with temporary():
        pass
    assert (tmp_path / "mine").is_dir() and link.is_symlink()


def test_logs_of_broken_simulations_are_the_newest_few(home: Path) -> None:
    """One a message has just named is among them; that of a running simulation is nobody else's."""
    running = left(home, os.getpid(), "running")
    log_of(running).write_text("")
    os.utime(log_of(running), (0, 0))
    (home / "mine.log").write_text("")
    named: list[Path] = []
    for _ in range(place.LOGS + 3):
        with pytest.raises(ToolError), place.place(None) as (_, log):
            log.write_text("why")
            os.utime(log, (len(named) + 1, len(named) + 1))
            raise ToolError(str(log))
        named.append(log)
        assert log.exists()
    assert set(home.glob("*.log")) == {log_of(running), home / "mine.log", *named[-place.LOGS :]}


class TestSweptBy:
    """What a killed one left, whoever comes next."""

    def test_a_build(self, home: Path, dead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
        partial = tmp_path / "cache" / "icarus-other" / f".{socket.gethostname()}-{dead}-x.partial"
        living = partial.with_name(f".{socket.gethostname()}-{os.getppid()}-x.partial")
        partial.parent.mkdir(parents=True)
        partial.write_text("x")
        living.write_text("x")
        folder = left(home, dead)
        entry = icarus.build({"a.v": "module a; endmodule\n"}, ["a.v"], "a")
        assert not folder.exists() and not partial.exists() and living.exists()
        assert list(home.iterdir()) == [] and [p.name for p in entry.iterdir()] == ["sim.vvp"]

    def test_a_readback(self, home: Path, dead: int) -> None:
        folder = left(home, dead)
        assert "tiny_top" in read_back(emit(Chip.load("tiny")))
        assert not folder.exists() and list(home.iterdir()) == []
