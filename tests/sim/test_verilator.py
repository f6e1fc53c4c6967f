"""Verilator: the same words and cycles as Icarus Verilog and the reference; one small build serves every network."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import ToolError
from codesign.fixed import IntType, Trim
from codesign.mapping import Die, layers, place
from codesign.program import Program
from codesign.rtl import emit
from codesign.sim import Pauses, job, simulate
from codesign.sim.simulators import watch
from codesign.sim.waves import is_whole
from tests.hdl.programs import images, program
from tests.tools import needs

pytestmark = [needs("verilator"), needs("c++")]

SMALL = Chip.model_validate(
    {
        "name": "small",
        "arrays": {"count": 3, "rows": 8, "columns": 8},
        "device": {"levels": 4, "code_bits": 2},
        "adc": {"bits": 6, "lanes": 2},
        "memory": {"steps": 4, "loads": 8, "tiles": 8, "constants": 16, "input_words": 8, "activation_words": 8},
        "bus": {"stream_bytes": 2},
    }
)
NETWORKS = {
    "one-layer-u8": ([5, 3], IntType(8), IntType(8), {}),
    "two-layers-i4-u3": ([12, 4, 3], IntType(4, True), IntType(3), {}),
    "trimmed-u1-i8": ([13, 4, 2], IntType(1), IntType(8, True), {"fc1": Trim(3, 1), "fc2": Trim(1, 1)}),
}


def prepared(name: str) -> Program:
    sizes, kind, hidden, trims = NETWORKS[name]
    return program(sizes, SMALL, trims, kind=kind, hidden=hidden, seed=3)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module alone, with one build in it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODESIGN_CACHE", str(folder))
        job.build(prepared("one-layer-u8"), "verilator")
        yield folder


def entries(cache: Path) -> list[Path]:
    return sorted(p for p in cache.glob("verilator-*/*"))


@pytest.mark.parametrize("name", NETWORKS)
def test_as_icarus_and_the_reference(name: str, cache: Path) -> None:
    before = [(p, p.stat().st_mtime_ns) for p in entries(cache)]
    p = prepared(name)
    x = images(200, p.network)
    found = {load: simulate(p, x, "verilator", load=load) for load in ("bus", "backdoor")}
    other = simulate(p, x[:9], "icarus")
    for result in found.values():
        assert result.mismatches == () and result.timing_errors == 0
        assert (result.outputs == p.run(x)).all() and len(np.unique(result.outputs, axis=0)) > 3
        assert (result.outputs[:9] == other.outputs).all() and result.latencies[:9] == other.latencies
        assert result.latency == other.latency == p.cycles.latency
        assert result.interval == p.cycles.interval
    assert [(p, p.stat().st_mtime_ns) for p in entries(cache)] == before and len(before) == 1


@pytest.mark.parametrize("pauses", [Pauses(0.7, 0.0, 1), Pauses(0.0, 0.8, 2), Pauses(0.5, 0.5, 3)], ids=str)
def test_streams_that_stall(pauses: Pauses) -> None:
    p = prepared("two-layers-i4-u3")
    x = images(100, p.network)
    still, free = simulate(p, x, "verilator", pauses=pauses), simulate(p, x, "verilator")
    assert still.mismatches == () and len(set(still.latencies)) > 5 > len(set(free.latencies))
    again = simulate(p, x, "verilator", pauses=pauses)
    assert again.latencies == still.latencies != simulate(p, x, "verilator", pauses=replace(pauses, seed=9)).latencies


def test_a_die() -> None:
    p = prepared("two-layers-i4-u3")
    x, rng = images(50, p.network), np.random.default_rng(5)
    shape = (SMALL.arrays.rows, SMALL.arrays.columns)
    die = Die({u.array: rng.integers(0, 4, shape).astype(np.int32) for u in p.mapping.arrays})
    result = simulate(p, x, "verilator", die=die)
    assert result.mismatches == () and (result.outputs != p.run(x)).any()


def test_a_wrong_cell_is_found_and_named() -> None:
    """The first wrong layer is found from its activations, which a second run records."""
    p = prepared("two-layers-i4-u3")
    x = images(20, p.network)
    first, last = p.network.nodes
    weight = first.weight.copy()
    weight[:, 2] = -weight[::-1, 2]
    wrong = Program(place(replace(p.network, nodes=(replace(first, weight=weight), last)), SMALL))
    vars(p)["words"] = wrong.words  # what the chip is programmed with
    result = simulate(p, x, "verilator")
    found = result.mismatches[0]
    assert (found.layer, found.output) == ("fc1", 2)
    assert (found.array, found.column) == p.mapping.locate("fc1", 2)
    want, got = (int(layers(m, x)["fc1"][found.image, 2]) for m in (p.mapping, wrong.mapping))
    assert (found.expected, found.got) == (want, got)
    assert (result.outputs == wrong.run(x)).all()


def bad(p: Program, at: int) -> Program:
    """A program whose image has one wrong bit."""
    words = list(p.words)
    words[at] ^= 1
    p.__dict__["words"] = words
    return p


@pytest.mark.parametrize(
    ("at", "why"), [(0, "magic word is wrong"), (2, "image is for another chip"), (-1, "image CRC is wrong")]
)
def test_a_refused_image(at: int, why: str) -> None:
    p = bad(prepared("one-layer-u8"), at)
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), "verilator")
    told, _, log = str(caught.value).partition("; log: ")
    assert told == f"simulation of small_top_sim: the chip reports the image as bad: {why}"
    Path(log).unlink()


def harmed(monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str) -> None:
    """Chips whose file `name` differs, for a simulator with a clock from outside alone."""

    def emit_harmed(chip: Chip) -> dict[str, str]:
        files = emit(chip)
        assert files[name].count(old) == 1
        split = f"`ifdef XB_EXTERNAL_CLOCK\n{new}\n`else\n{old}\n`endif\n"
        return files | {name: files[name].replace(old, split)}

    monkeypatch.setattr(job, "emit", emit_harmed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("model/xb_array_packed.v", "value = value + MIDDLE;", "value = value + MIDDLE + (value == 1 ? 1 : 0);", True),
        ("sim/small_top_sim.v", "cycle <= cycle + 1;", "cycle <= cycle + (cycle == 1500 ? 2 : 1);", False),
    ],
    ids=["a code", "a cycle"],
)
def test_a_break_in_this_path_alone_is_seen(
    name: str, old: str, new: str, words: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = prepared("trimmed-u1-i8")
    x = images(100, p.network)
    harmed(monkeypatch, name, old, new)
    result = simulate(p, x, "verilator")
    assert bool(result.mismatches) == words and bool(result.timing_errors) != words
    other = simulate(p, x, "icarus")
    assert other.mismatches == () and other.timing_errors == 0


@pytest.mark.slow
def test_waves(tmp_path: Path, cache: Path) -> None:
    p = prepared("one-layer-u8")
    result = simulate(p, images(3, p.network), "verilator", folder=tmp_path, waves=True)
    assert result.mismatches == () and is_whole(tmp_path / "chip.fst")
    assert "TOP.small_top_sim.dut.clk" in (tmp_path / "chip.gtkw").read_text()
    assert job.build(p, "verilator") != job.build(p, "verilator", True)  # the one that records is slower


def test_a_stopped_simulator_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", 2)
    p = prepared("one-layer-u8")

    def stop(done: int, _of: int) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = Path(os.readlink(process / "cwd")) == tmp_path
            except OSError:
                continue
            if inside:
                os.kill(int(process.name), signal.SIGSTOP)

    with pytest.raises(ToolError) as caught:
        simulate(p, images(3_000_000, p.network), "verilator", folder=tmp_path, progress=stop)
    log = tmp_path / "simulation.log"
    assert str(caught.value) == f"simulation of small_top_sim: no sign of life for 2 s, so it was ended; log: {log}"


def test_a_changed_executable_is_compiled_again(cache: Path) -> None:
    entry = entries(cache)[0]
    entry.write_bytes(entry.read_bytes()[:-100])
    p = prepared("one-layer-u8")
    assert simulate(p, images(2, p.network), "verilator").mismatches == ()


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a folder of its own in front, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
    return folder


def fails(match: str) -> str:
    p = prepared("one-layer-u8")
    with pytest.raises(ToolError, match=match) as caught:
        simulate(p, images(2, p.network), "verilator")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_verilator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert fails("not found on PATH").endswith("or use simulator icarus")


def test_an_old_verilator(doubles: Path) -> None:
    tool(doubles, "verilator", "echo 'Verilator 4.038 2020-07-11 rev v4.036'")
    assert fails("needs 5.006") == (
        "verilator: is Verilator 4.038 2020-07-11 rev v4.036, simulation needs 5.006 or newer; install a newer one, or "
        "use simulator icarus"
    )


def test_a_compiler_that_fails(doubles: Path, tmp_path: Path) -> None:
    tool(
        doubles, "c++", "case $1 in --version) echo 'c++ 1';; *) echo 'main.cpp:1: error: no such thing'; exit 1;; esac"
    )
    said = fails("does not compile")
    assert said.startswith("verilator: small_top_sim does not compile: main.cpp:1: error: no such thing; log: ")
    assert Path(said.partition("; log: ")[2]).is_file()


def test_a_temporary_folder_with_blanks(doubles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a b"))
    assert fails("blanks") == (
        f"verilator: cannot compile in {tmp_path}/a b, because make takes no blanks in names; set TMPDIR to a folder "
        "without them, or use simulator icarus"
    )


def test_verilog_that_verilator_refuses(doubles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harmed(monkeypatch, "small_top.v", "endmodule", "wrong endmodule")
    assert fails("does not compile").startswith("verilator: small_top_sim does not compile: %Error: small_top.v")


def test_a_full_disk_while_it_compiles(tmp_path: Path) -> None:
    p = prepared("one-layer-u8")
    p.save(tmp_path / "p")
    np.save(tmp_path / "x.npy", images(2, p.network))
    code = (
        "import resource, sys; from codesign.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); sys.exit(main(sys.argv[1:]))"
    )
    argv = ["simulate", "p", "--inputs", "x.npy", "--simulator", "verilator"]
    environment = {**os.environ, "CODESIGN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(["python", "-c", code, *argv], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: verilator: small_top_sim ") and done.stderr.count("\n") == 1, done.stderr
