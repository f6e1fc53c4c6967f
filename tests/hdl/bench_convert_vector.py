"""xb_convert: vector steps among others are passed over, a cycle each, whatever else goes on."""

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from tests.hdl.drive import start

STEP = ("vector", "top", "signed", "instances", "first_group", "last_group", "gain", "shift", "enable", "link")
INPUTS = ("steps", *(f"step_{n}" for n in STEP), "step_loaded", "buffer_free")


@dataclass(frozen=True)
class Step:
    """As in the table. A vector step has an entry like any other, of which nothing must show."""

    vector: bool
    planes: int
    groups: int
    instances: int
    enable: int


def program(rng: random.Random, arrays: int) -> list[Step]:
    """Up to 4 vector steps before, between and after some others."""
    found = []
    for matrix in range(4):
        found += [Step(True, 2, 1, rng.randint(1, 3), rng.randrange(1, 1 << arrays)) for _ in range(rng.randrange(5))]
        if matrix < 3:
            sizes = rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 3)
            found.append(Step(False, *sizes, rng.randrange(1, 1 << arrays)))
    return found


@dataclass
class Seen:
    """What happened."""

    samples: int = 0
    waited: int = 0  # cycles in which only vector steps that had not been passed over yet held up a sample


async def run(dut: Any, steps: list[Step], images: int, busy: float, rng: random.Random, seen: Seen) -> None:
    """From a reset on. `busy` is the chance that an instance is loaded late, or a buffer read out late."""
    dut.rst.value, dut.steps.value, dut.step_loaded.value, dut.buffer_free.value = 1, len(steps), 0, 0
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    plan: list[tuple[Step, bool, bool, int]] = []  # step, first and last of its instance, vector steps right before it
    skips = 0
    for step in images * steps:
        skips += step.vector
        if not step.vector:
            for instance in range(step.instances):
                for plane in range(step.planes):
                    plan.append((step, plane == 0, plane == step.planes - 1, 0 if instance or plane else skips))
            skips = 0
    instances = images * sum(s.instances for s in steps if not s.vector)
    loaded = buffers = sampled = freed = total = cycle = bank = 0
    last = until = -1  # cycles of the last sample, and of the last conversion after it
    converting = 0  # arrays that did until then
    while plan:
        load = loaded < 2 and total < instances and rng.random() >= busy
        free = sampled > freed and rng.random() >= busy
        dut.step_loaded.value, dut.buffer_free.value = int(load), int(free)
        step = steps[int(dut.step_address.value)]
        values = (step.vector, step.planes - 1, 0, step.instances - 1, 0, step.groups - 1, 1, 0, step.enable, 0)
        for name, value in zip(STEP, values, strict=True):
            getattr(dut, f"step_{name}").value = int(value)
        await Timer(1, "ns")
        want, begins, ends, passed = plan[0]
        may = cycle >= until and (not begins or (loaded > 0 and buffers < 2))
        goes = may and cycle >= last + 1 + passed
        assert int(dut.evaluate.value) == (want.enable if goes else 0), "sampled too early or too late"
        assert int(dut.drive.value) == (want.enable if loaded and cycle >= last + 1 + passed else 0)
        assert int(dut.convert.value) == (converting if cycle <= until else 0)
        assert bool(dut.bank_free.value) == (goes and ends)
        seen.waited += may and not goes
        if goes:
            assert int(dut.drive_bank.value) == bank
            plan.pop(0)
            seen.samples += 1
            last, until, converting = cycle, cycle + want.groups, want.enable
            bank ^= ends
            sampled += ends
            buffers += begins
            loaded -= ends
        loaded += load
        total += load
        buffers -= free
        freed += free
        cycle += 1
        await FallingEdge(dut.clk)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.6])
async def vector_steps_are_passed_over(dut: Any, busy: float) -> None:
    await start(dut, *INPUTS)
    seen = Seen()
    for seed in range(12):
        rng = random.Random(seed)
        await run(dut, program(rng, int(dut.ARRAYS.value)), 3, busy, rng, seen)
    assert seen.samples > 300 and seen.waited > 10, seen
