"""Verilator: the same words and cycles as Icarus Verilog and the reference; one small build serves every network."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import ToolError
from codesign.mapping import Die, layers, place
from codesign.program import Program
from codesign.sim import Pauses, farm, job, simulate
from codesign.sim.judge import Stream, judge
from codesign.sim.simulators import watch
from codesign.sim.waves import is_whole
from tests.hdl.programs import images
from tests.hdl.random_chips import check, random_program
from tests.sim.small import NETWORKS, SMALL, harmed, prepared
from tests.tools import needs

pytestmark = [needs("verilator"), needs("c++")]


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


@pytest.mark.parametrize("clocks", [1, *(pytest.param(c, marks=pytest.mark.slow) for c in (2, 3))])
def test_a_reset_in_the_middle(clocks: int, tmp_path: Path) -> None:
    """In any cycle of a run, with and without stalls; afterwards the chip runs as if it were new."""
    p = prepared("two-layers-i4-u3")
    x = images(12, p.network)
    first = job.Job(p, x, tmp_path, simulator="verilator", reset_clocks=clocks)
    whole, _ = job.run_bench(first)
    length = int(whole["outs"][-1] - whole["ins"][0])
    assert length > 100
    for cut in range(1 + clocks, length, 9):
        pauses = Pauses(0.3, 0.5, cut) if cut % 2 else Pauses()
        again = replace(first, cut=cut, pauses=pauses)
        found, seconds = job.run_bench(again)
        result = judge(again, [Stream(found)], seconds)
        assert result.mismatches == () and result.timing_errors == 0 and result.images == 12, (cut, clocks)
        assert pauses.any or (np.diff(found["outs"]) == np.diff(whole["outs"])).all()
        assert found["ins"][0] > whole["ins"][0] + cut, "the session that was cut took its time"
    other = replace(first, simulator="icarus", cut=length // 2)
    found, seconds = job.run_bench(other)
    result = judge(other, [Stream(found)], seconds)
    assert result.mismatches == () and result.timing_errors == 0 and found["ins"][0] > whole["ins"][0] + length // 2


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 12))])
def test_random_networks(seed: int) -> None:
    """With stalls, on a die, with ADC offsets; Icarus Verilog finds the same in every cycle."""
    rng = np.random.default_rng(seed)
    p, x = random_program(rng, SMALL, 60)
    check(rng, p, x, "verilator")
    if seed in (0, 1, 11):
        check(rng, p, x[:4], "icarus")
        found = [simulate(p, x[:4], name, load="backdoor") for name in ("icarus", "verilator")]
        assert found[0].latencies == found[1].latencies and (found[0].outputs == found[1].outputs).all()


def test_processes_that_share_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    p = prepared("two-layers-i4-u3")
    x = images(500, p.network)
    monkeypatch.setitem(farm.LARGEST, "verilator", 100)
    alone = simulate(p, x, "verilator")
    shared = simulate(p, x, "verilator", folder=tmp_path, jobs=3)
    assert (shared.outputs == alone.outputs).all() and shared.latencies == alone.latencies
    assert shared.interval == alone.interval and shared.mismatches == () and shared.timing_errors == 0
    assert not {"parts", "result.npz"} & {f.name for f in tmp_path.iterdir()}


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("model/xb_array_packed.v", "value = value + MIDDLE;", "value = value + MIDDLE + (value == 1 ? 1 : 0);", True),
        ("sim/small_top_sim.v", "cycle <= cycle + 1;", "cycle <= cycle + (cycle == 1500 ? 2 : 1);", False),
    ],
    ids=["a code", "a cycle"],
)
@pytest.mark.parametrize(("broken", "whole"), [("verilator", "icarus"), ("icarus", "verilator")])
def test_a_break_in_one_path_alone_is_seen(
    name: str, old: str, new: str, words: bool, broken: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = prepared("trimmed-u1-i8")
    x = images(100, p.network)
    harmed(monkeypatch, name, old, new, broken)
    result = simulate(p, x, broken)
    assert bool(result.mismatches) == words and bool(result.timing_errors) != words
    other = simulate(p, x, whole)
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
        simulate(p, images(1_000_000, p.network), "verilator", folder=tmp_path, progress=stop)
    log = tmp_path / "simulation.log"
    assert str(caught.value) == f"simulation of small_top_sim: no sign of life for 2 s, so it was ended; log: {log}"


def test_a_killed_simulator(tmp_path: Path) -> None:
    p = prepared("one-layer-u8")

    def kill(done: int, _of: int) -> None:
        for process in Path("/proc").glob("[0-9]*") if done else ():
            try:
                inside = Path(os.readlink(process / "cwd")) == tmp_path
            except OSError:
                continue
            if inside:
                os.kill(int(process.name), signal.SIGKILL)

    with pytest.raises(ToolError) as caught:
        simulate(p, images(1_000_000, p.network), "verilator", folder=tmp_path, progress=kill)
    log = tmp_path / "simulation.log"
    assert str(caught.value) == f"simulation of small_top_sim: it was ended by SIGKILL; log: {log}" and log.exists()


@pytest.mark.slow  # compiles the chip once more
def test_a_changed_executable_is_compiled_again(cache: Path) -> None:
    entry = entries(cache)[0]
    entry.write_bytes(entry.read_bytes()[:-100])
    p = prepared("one-layer-u8")
    assert simulate(p, images(2, p.network), "verilator").mismatches == ()
