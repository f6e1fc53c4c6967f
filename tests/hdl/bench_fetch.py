"""xb_fetch walks a program: loads in order, as early as the waits of its header allow and no earlier."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import IntType
from codesign.mapping import Load, Mapping, Step
from tests.hdl.drive import start
from tests.hdl.walked import walk

INPUTS = (
    "steps",
    "step_load_first",
    "step_load_count",
    "step_wait",
    "step_releases",
    "step_source",
    "load_from_memory",
    "load_offset",
    "load_wordline",
    "load_run",
)
EVENTS = ("load_mask", "available_0", "available_1", "bank_free", "step_drained")
MOVED = 100  # sources lie so many activations lower than loads count from: addresses count modulo 2^24


class Walk:
    """The tables beside the module, and where the program must be."""

    def __init__(self, dut: Any, mapping: Mapping) -> None:
        self.dut, self.mapping = dut, mapping
        self.loads: list[Load] = [load for s in mapping.steps for load in s.loads]
        self.first = [sum(len(s.loads) for s in mapping.steps[:k]) for k in range(len(mapping.steps))]
        self.step = self.index = self.bank = self.buffer = 0
        self.occupied = self.in_flight = 0
        self.done = 0  # steps loaded since the start

    async def present(self) -> None:
        """Answer the table addresses, as combinational tables would."""
        d, number = self.dut, int(self.dut.step_address.value)
        step = self.mapping.steps[number]
        assert number == self.step
        d.step_load_first.value, d.step_load_count.value = self.first[number], len(step.loads)
        d.step_wait.value, d.step_releases.value = step.wait, int(step.releases_input)
        d.step_source.value = (step.source - MOVED) % (1 << 24)
        await Timer(1, "ns")
        assert int(d.load_address.value) == self.first[number] + self.index
        load = self.loads[int(d.load_address.value)]
        d.load_from_memory.value, d.load_offset.value = int(load.from_memory), load.offset + MOVED
        d.load_wordline.value, d.load_run.value = load.wordline, load.count - 1
        d.load_mask.value = sum(1 << a for a in load.arrays)
        await Timer(1, "ns")

    def now(self) -> tuple[Step, Load, int]:
        """Step and load that are due, and the activation from which it reads."""
        step = self.mapping.steps[self.step]
        load = step.loads[self.index]
        base = 0 if load.from_memory else self.buffer * int(self.dut.INPUT_DEPTH.value)
        return step, load, base + step.source + load.offset

    def may(self, available: list[int]) -> bool:
        step, load, _ = self.now()
        drained = step.wait == 0 or self.in_flight < step.wait
        last = step.source + load.offset + load.count - 1
        return self.occupied < 2 and drained and (load.from_memory or available[self.buffer] > last)


def mapped() -> Mapping:
    return walk(IntType(8), IntType(8))


def per_image() -> int:
    return sum(len(step.loads) for step in mapped().steps)


async def run(dut: Any, images: int, busy: float, rng: random.Random) -> int:
    """Random completions around the module; `busy` is the chance that one is late. Returns the loads compared."""
    mapping = mapped()
    walk, beats, width = Walk(dut, mapping), mapping.beats, mapping.chip.bus.stream_bytes
    dut.steps.value = len(mapping.steps)
    arrived = [0, 0]  # beats in each buffer
    filling = compared = waited = short = 0
    previous: tuple[int, ...] | None = None  # what the registered outputs must show
    total = images * len(mapping.steps)
    while walk.done < total or previous:
        await FallingEdge(dut.clk)
        shown = (int(dut.load_arrays.value), int(dut.step_loaded.value))
        if previous is None:
            assert shown == (0, 0)
        else:
            more = ("load_bank", "load_select", "load_first", "load_last", "load_turn")
            assert (*shown, *(int(getattr(dut, n).value) for n in more)) == previous
            compared += 1
        if arrived[filling] < beats and rng.random() > busy:
            arrived[filling] += 1
        if arrived[filling] == beats and arrived[1 - filling] == 0:
            filling ^= 1
        available = [a * width for a in arrived]
        free = bool(walk.occupied) and rng.random() > busy
        drained = walk.in_flight > walk.occupied and rng.random() > busy
        dut.available_0.value, dut.available_1.value = available
        dut.bank_free.value, dut.step_drained.value = int(free), int(drained)
        previous = None
        if walk.done < total:
            await walk.present()
            step, load, address = walk.now()
            issue = walk.may(available)
            assert (int(dut.input_read.value), int(dut.activation_read.value)) == (
                int(issue and not load.from_memory),
                int(issue and load.from_memory),
            )
            ends = issue and walk.index == len(step.loads) - 1
            releases = [int(ends and step.releases_input and walk.buffer == b) for b in (0, 1)]
            assert [int(dut.release_0.value), int(dut.release_1.value)] == releases
            waited += not issue
            short += not load.from_memory and 0 < available[walk.buffer] - step.source - load.offset < load.count
            if issue:
                port = dut.activation_address if load.from_memory else dut.input_address
                assert int(port.value) == address
                turn = (address - load.wordline) % mapping.chip.word
                arrays = sum(1 << a for a in load.arrays)
                place = (load.wordline, load.count - 1, turn)
                previous = (arrays, int(ends), walk.bank, int(load.from_memory), *place)
                walk.index += 1
            if ends:
                if step.releases_input:
                    arrived[walk.buffer] = 0
                    walk.buffer ^= 1
                walk.step, walk.index, walk.bank = (walk.step + 1) % len(mapping.steps), 0, 1 - walk.bank
                walk.occupied += 1
                walk.in_flight += 1
                walk.done += 1
        else:
            break
        walk.occupied -= free
        walk.in_flight -= drained
    assert waited or len(mapping.steps) == 1, "nothing ever had to wait"
    assert short or beats == 1, "no load ever waited for the end of its run"
    return compared


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.5, 0.9])
async def loads_in_order(dut: Any, busy: float) -> None:
    await start(dut, *INPUTS, *EVENTS)
    images = 6
    assert await run(dut, images, busy, random.Random(4)) == images * per_image()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    await start(dut, *INPUTS, *EVENTS)
    await run(dut, 1, 0.3, random.Random(5))
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert int(dut.load_arrays.value) == 0 and not dut.input_read.value
    dut.rst.value = 0
    for name in ("load_from_memory", "available_0", "available_1", "bank_free", "step_drained"):
        getattr(dut, name).value = 0
    assert await run(dut, 3, 0.3, random.Random(6)) == 3 * per_image()
