"""xb_fetch walks a program: loads in order, as early as the waits of its header allow and no earlier."""

import json
import os
import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.chip.description import Chip
from codesign.mapping import Load, Mapping, Step
from tests.hdl.drive import start
from tests.hdl.programs import program

INPUTS = ("steps", "step_load_first", "step_load_count", "step_wait", "step_releases", "load_from_memory", "load_word")
EVENTS = ("load_mask", "available_0", "available_1", "bank_free", "step_drained")


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
        await Timer(1, "ns")
        assert int(d.load_address.value) == self.first[number] + self.index
        load = self.loads[int(d.load_address.value)]
        d.load_from_memory.value, d.load_word.value = int(load.from_memory), load.word
        d.load_mask.value = sum(1 << a for a in load.arrays)
        await Timer(1, "ns")

    def now(self) -> tuple[Step, Load]:
        step = self.mapping.steps[self.step]
        return step, step.loads[self.index]

    def may(self, available: list[int]) -> bool:
        step, load = self.now()
        drained = step.wait == 0 or self.in_flight < step.wait
        return self.occupied < 2 and drained and (load.from_memory or available[self.buffer] > load.word)


def mapped() -> Mapping:
    return program(json.loads(os.environ["SIZES"]), Chip.model_validate_json(os.environ["CHIP"])).mapping


def per_image() -> int:
    return sum(len(step.loads) for step in mapped().steps)


async def run(dut: Any, images: int, busy: float, rng: random.Random) -> int:
    """Random completions around the module; `busy` is the chance that one is late. Returns the loads compared."""
    mapping = mapped()
    walk, words = Walk(dut, mapping), -(-mapping.network.features // mapping.chip.arrays.rows)
    dut.steps.value = len(mapping.steps)
    available = [0, 0]
    filling = compared = waited = 0
    previous: tuple[int, int, int, int] | None = None  # what the registered outputs must show
    total = images * len(mapping.steps)
    while walk.done < total or previous:
        await FallingEdge(dut.clk)
        shown = (int(dut.load_arrays.value), int(dut.step_loaded.value))
        if previous is None:
            assert shown == (0, 0)
        else:
            assert (*shown, int(dut.load_bank.value), int(dut.load_select.value)) == previous
            compared += 1
        if available[filling] < words and rng.random() > busy:
            available[filling] += 1
            filling ^= available[filling] == words and available[1 - filling] == 0
        elif available[filling] == words and available[1 - filling] == 0:
            filling ^= 1
        free = bool(walk.occupied) and rng.random() > busy
        drained = walk.in_flight > walk.occupied and rng.random() > busy
        dut.available_0.value, dut.available_1.value = available
        dut.bank_free.value, dut.step_drained.value = int(free), int(drained)
        previous = None
        if walk.done < total:
            await walk.present()
            step, load = walk.now()
            issue = walk.may(available)
            assert (int(dut.input_read.value), int(dut.activation_read.value)) == (
                int(issue and not load.from_memory),
                int(issue and load.from_memory),
            )
            ends = issue and walk.index == len(step.loads) - 1
            releases = [int(ends and step.releases_input and walk.buffer == b) for b in (0, 1)]
            assert [int(dut.release_0.value), int(dut.release_1.value)] == releases
            waited += not issue
            if issue:
                if load.from_memory:
                    assert int(dut.activation_address.value) == load.word
                else:
                    assert int(dut.input_address.value) == walk.buffer * int(dut.INPUT_WORDS.value) + load.word
                previous = (sum(1 << a for a in load.arrays), int(ends), walk.bank, int(load.from_memory))
                walk.index += 1
            if ends:
                if step.releases_input:
                    available[walk.buffer] = 0
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
    return compared


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.5, 0.9])
async def loads_in_order(dut: Any, busy: float) -> None:
    await start(dut, *INPUTS, *EVENTS)
    images = 12
    assert await run(dut, images, busy, random.Random(4)) == images * per_image()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    await start(dut, *INPUTS, *EVENTS)
    await run(dut, 2, 0.3, random.Random(5))
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert int(dut.load_arrays.value) == 0 and not dut.input_read.value
    dut.rst.value = 0
    for name in ("load_from_memory", "available_0", "available_1", "bank_free", "step_drained"):
        getattr(dut, name).value = 0
    assert await run(dut, 3, 0.3, random.Random(6)) == 3 * per_image()
