"""What a simulation that breaks down says: one line, which names a log that is there."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codesign
from codesign.chip.description import Chip
from codesign.cli import main
from codesign.errors import ToolError
from codesign.program import Program
from codesign.rtl import emit
from codesign.sim import job, simulate
from codesign.sim.simulators import icarus, watch
from codesign.sim.simulators.cache import is_whole as compiled
from codesign.sim.waves import is_whole
from tests.hdl.programs import images, program

pytestmark = pytest.mark.slow

TINY = Chip.load("tiny")


@pytest.fixture
def p() -> Program:
    return program([30, 11, 5], TINY)


def test_a_stopped_simulator_is_given_up(p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", 3)

    def stop() -> None:
        while True:
            time.sleep(0.1)
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    inside = Path(os.readlink(process / "cwd")) == tmp_path
                except OSError:
                    continue
                if inside and int((tmp_path / job.HEARTBEAT).read_text() or 0) > 2:
                    os.kill(int(process.name), signal.SIGSTOP)
                    return

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(ToolError) as caught:
        simulate(p, images(20_000, p.network), folder=tmp_path, load="backdoor")
    log = tmp_path / "simulation.log"
    assert str(caught.value) == (f"simulation of tiny_top_sim: no sign of life for 3 s, so it was ended; log: {log}")
    assert log.exists()


def harmed(monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    """Simulations of a chip whose top is changed."""

    def emit_harmed(chip: Chip) -> dict[str, str]:
        files = emit(chip)
        name = f"{chip.name}_top.v"
        changed = change(files[name])
        assert changed != files[name]
        return files | {name: changed}

    monkeypatch.setattr(job, "emit", emit_harmed)


def test_a_chip_that_stands_still_says_so(p: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    harmed(monkeypatch, lambda top: top.replace(".m_axis_tready(m_axis_tready)", ".m_axis_tready(1'b0)"))
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), load="backdoor")
    told, _, log = str(caught.value).partition("; log: ")
    assert told.startswith("simulation of tiny_top_sim: no output word of image 0 after ") and "STATUS = 0x" in told
    assert "\n" not in told and Path(log).is_file()
    Path(log).unlink()


def test_a_simulator_that_does_not_start(p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icarus, "BENCH", "codesign.sim.no_such_bench")
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), folder=tmp_path)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(f"; log: {tmp_path / 'simulation.log'}")


def limited(limit: int, *argv: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """The command where files end at so many bytes, as on a full disk."""
    code = (
        "import resource, sys; from codesign.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); sys.exit(main(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(codesign.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)], cwd=cwd, env=environment, capture_output=True, text=True
    )


OUT, TEMPORARY = ("--out", "o", "--waves"), ("--load", "backdoor")
LATER = [(0, TEMPORARY), (1000, OUT), (1000, TEMPORARY), (4700, OUT)]  # test_full_disk.py has other sizes


@pytest.mark.parametrize(
    ("limit", "options"),
    [(0, OUT), (4700, TEMPORARY), *(pytest.param(*a, marks=pytest.mark.slow) for a in LATER)],
    ids=lambda v: str(v) if isinstance(v, int) else "out" if v == OUT else "temporary",
)
def test_a_full_disk(p: Program, limit: int, options: tuple[str, ...], tmp_path: Path) -> None:
    p.save(tmp_path / "p")
    np.save(tmp_path / "x.npy", images(100, p.network))
    assert compiled(job.build(p) / "sim.vvp")
    done = limited(limit, "simulate", "p", "--inputs", "x.npy", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr


def test_a_full_cache(p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
    p.save(tmp_path / "p")
    np.save(tmp_path / "x.npy", images(2, p.network))
    entry = job.build(p) / "sim.vvp"
    whole = entry.stat().st_size
    shutil.rmtree(entry.parent)
    for limit in (1000, whole - 1):  # the last: room to compile, none to keep it
        done = limited(limit, "simulate", "p", "--inputs", "x.npy", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert f"{tmp_path}/cache: cannot store compiled simulators (File too large); " in done.stderr
    assert not list(tmp_path.glob("cache/*/*"))
    assert main(["simulate", str(tmp_path / "p"), "--inputs", str(tmp_path / "x.npy")]) == 0


@pytest.mark.parametrize("left", [None, b"", b"PK", "pickle"], ids=str)
def test_a_bench_that_ends_well_without_results(
    left: bytes | str | None, p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        if left == "pickle":
            np.savez(tmp_path / "result.npz", outputs=np.array([{}], object))
        elif left is not None:
            (tmp_path / "result.npz").write_bytes(left)  # type: ignore[arg-type]

    monkeypatch.setattr(icarus, "run", run)
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), folder=tmp_path)
    told = f"{tmp_path}: the simulation left no complete result.npz; check whether the disk is full"
    assert str(caught.value) == told


def test_a_full_disk_leaves_no_chip_file(tmp_path: Path) -> None:
    done = limited(100, "chip", "new", "my.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: my.toml: cannot be written (File too large); choose another place\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_waves_that_end_early_are_found(p: Program, tmp_path: Path) -> None:
    simulate(p, images(2, p.network), folder=tmp_path, waves=True, load="backdoor")
    dump = tmp_path / "chip.fst"
    whole = dump.read_bytes()
    assert is_whole(dump)
    for cut in (0, 5, 9, 200, len(whole) // 2, len(whole) - 1):
        dump.write_bytes(whole[:cut])
        assert not is_whole(dump)
