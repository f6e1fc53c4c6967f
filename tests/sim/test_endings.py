"""Commands that are ended: one line, nothing left, and no simulator that goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from tests.hdl.programs import images, program

pytestmark = pytest.mark.slow

# Whoever runs the tests may ignore these signals; a user's shell does not.
COMMAND = """\
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from codesign.cli import main, progress
progress.EVERY = float("inf")  # no lines of progress, however slow the machine is
sys.exit(main())
"""
GOES_ON = "run the same command again to resume"
ENDINGS = [
    (signal.SIGTERM, 143, f"ended by SIGTERM; {GOES_ON}\n"),
    (signal.SIGHUP, 129, f"ended by SIGHUP; {GOES_ON}\n"),
    (signal.SIGINT, 130, f"interrupted; {GOES_ON}\n"),
    (signal.SIGKILL, -signal.SIGKILL, ""),
]
QUICK = [pytest.param(*e, marks=pytest.mark.slow if e[0] is signal.SIGHUP else ()) for e in ENDINGS]  # as SIGTERM


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program and its inputs: minutes of simulation."""
    home = tmp_path_factory.mktemp("home")
    p = program([30, 11, 5], Chip.load("tiny"))
    p.save(home / "p")
    np.save(home / "x.npy", images(20_000, p.network).astype(np.uint8))
    return home


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a command whose temporary files lie in tmp_path/tmp."""
    started = []
    (tmp_path / "tmp").mkdir()

    def begin(*argv: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", COMMAND, *map(str, argv)]
        env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env)
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def simulators(below: Path) -> list[int]:
    """Processes whose current folder is below a folder, and which live."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (process / "stat").read_text().rpartition(")")
            if (process / "cwd").readlink().is_relative_to(below) and rest.split()[0] != "Z":
                found += [int(process.name)] if name.endswith("(vvp") else []
        except OSError:  # ended, or someone else's
            continue
    return found


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.05)


def streaming(below: Path) -> bool:
    return any(p.read_text() not in ("", "0") for p in below.rglob("progress"))


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


Start = Callable[..., "subprocess.Popen[str]"]


@needs_proc
@pytest.mark.parametrize(("sent", "status", "line"), QUICK, ids=lambda v: getattr(v, "name", ""))
def test_simulate(sent: signal.Signals, status: int, line: str, home: Path, tmp_path: Path, start: Start) -> None:
    """In a temporary folder. What a killed command leaves there, the next one removes."""
    process = start("simulate", home / "p", "--inputs", home / "x.npy")
    wait_until(lambda: streaming(tmp_path / "tmp"))
    assert len(simulators(tmp_path)) == 1
    for again in range(3 if status in (129, 143) else 1):  # a second one does not disturb the tidying
        process.send_signal(sent)
        time.sleep(0.01 * again)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (status, "", line)
    wait_until(lambda: not simulators(tmp_path), 5)
    if sent is signal.SIGKILL:
        assert any((tmp_path / "tmp").iterdir())
        after = start("simulate", home / "p", "--inputs", home / "x.npy", "--images", 2)
        assert after.communicate(timeout=60)[1] == "" and after.returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


@needs_proc
@pytest.mark.parametrize(
    ("sent", "status", "line"),
    [pytest.param(*ENDINGS[0], marks=pytest.mark.slow), ENDINGS[3]],
    ids=["SIGTERM", "SIGKILL"],
)
def test_processes_that_share_images(
    sent: signal.Signals, status: int, line: str, home: Path, tmp_path: Path, start: Start
) -> None:
    process = start("simulate", home / "p", "--inputs", home / "x.npy", "--jobs", 2, "--out", "o")
    wait_until(lambda: len(simulators(tmp_path)) == 2 and streaming(tmp_path / "tmp"))
    process.send_signal(sent)
    assert process.communicate(timeout=30) == ("", line) and process.returncode == status
    wait_until(lambda: not simulators(tmp_path), 5)
    assert bool(list((tmp_path / "tmp").iterdir())) == (sent is signal.SIGKILL)


@needs_proc
def test_a_stopped_simulator_ends_too(home: Path, tmp_path: Path, start: Start) -> None:
    process = start("simulate", home / "p", "--inputs", home / "x.npy", "--out", "out")
    wait_until(lambda: streaming(tmp_path / "out"))
    (simulator,) = simulators(tmp_path)
    os.kill(simulator, signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: not simulators(tmp_path), 5)
    assert not (tmp_path / "out" / "outputs.npy").exists()


@pytest.mark.slow  # what the signal does is seen above, and in tests/test_flow.py that a stage goes on
@needs_proc
def test_run_goes_on_after_sigterm(tmp_path: Path, start: Start) -> None:
    """And its simulator, a grandchild, is gone before another command can write to the folder."""
    sets = ("train.epochs=1", "network.hidden=[8]", "train.baseline=false", "simulate.images=120")
    argv = ["run", "digits_mlp", "--out", "out", *(a for s in sets for a in ("--set", s))]
    process = start(*argv)
    wait_until(lambda: streaming(tmp_path / "out"))
    process.terminate()
    assert process.communicate(timeout=30) == ("", f"ended by SIGTERM; {GOES_ON}\n")
    assert process.returncode == 143
    assert simulators(tmp_path) == [] and list((tmp_path / "tmp").glob("codesign-*")) == []
    again = start(*argv, "--json")
    out, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, "") and json.loads(out)["mismatches"] == 0
