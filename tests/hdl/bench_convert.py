"""xb_convert: samples, groups and what their codes are, in the order and the cycles of the program."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import IntType, Trim
from codesign.mapping import Mapping
from codesign.mapping.timing import bound
from tests.hdl.drive import start
from tests.hdl.nests import ONCE, Nest, nests
from tests.hdl.walked import walk

INPUTS = (
    "steps",
    "step_top",
    "step_signed",
    "step_instances",
    "step_first_group",
    "step_last_group",
    "step_gain",
    "step_shift",
    "step_enable",
    "step_link",
    "step_loaded",
    "buffer_free",
    "step_vector",
)


def mapping() -> Mapping:
    """Layers of $WALK with a 3-bit signed input and 8-bit activations."""
    return walk(IntType(3, True), IntType(8))


def masks(m: Mapping, number: int) -> tuple[int, int]:
    blocks = m.steps[number].blocks
    return sum(1 << a for b in blocks for a in b.arrays), sum(1 << a for b in blocks for a in b.arrays[1:])


def loops(m: Mapping, looped: bool) -> list[Nest]:
    """The walk of each step."""
    return nests(len(m.steps), 9, (0,) * 4, 19) if looped else [ONCE] * len(m.steps)


def range_of(number: int) -> Trim:
    """The converter range of a step, another one for each."""
    return Trim(1 + 83 * number % 255, (5 + 7 * number) % 16)


def planned(m: Mapping, walks: list[Nest], images: int) -> list[tuple[int, int, int, int]]:
    """(step, plane bit, group, number of the instance since the start) of every conversion."""
    instances = [k for _ in range(images) for k, nest in enumerate(walks) for _ in range(nest.instances)]
    return [
        (k, bit, g, n)
        for n, k in enumerate(instances)
        for bit in range(m.steps[k].input.bits - 1, -1, -1)
        for g in range(m.steps[k].column_groups)
    ]


async def run(dut: Any, images: int, busy: float, rng: random.Random, looped: bool = True) -> tuple[int, int]:
    """Conversions compared, and cycles from the first sample to the last conversion."""
    m = mapping()
    walks = loops(m, looped)
    dut.steps.value = len(m.steps)
    plan = planned(m, walks, images)
    conversions = iter(plan)
    pending: list[tuple[int, int, int, int]] = []  # sampled, being converted
    expected_m: tuple[int, ...] | None = None
    loaded = sampled = buffers = total_loaded = freed = compared = cycle = 0
    first = last = -1
    samples = [(k, bit, n) for k, bit, g, n in plan if g == 0]
    limit, instances = len(plan), 1 + plan[-1][3]
    while compared < limit:
        await FallingEdge(dut.clk)
        cycle += 1
        if expected_m is None:
            assert not dut.m_valid.value
        else:
            got = (
                dut.m_valid,
                dut.m_first,
                dut.m_negate,
                dut.m_final,
                dut.m_buffer,
                dut.m_group,
                dut.m_enable,
                dut.m_link,
            )
            assert tuple(int(s.value) for s in got) == expected_m
            compared += 1
        # Around the module: instances are loaded into two banks, buffers are read out.
        load = loaded < 2 and total_loaded < instances and rng.random() >= busy
        free = sampled > freed and rng.random() >= busy  # only a complete one is read out
        dut.step_loaded.value, dut.buffer_free.value = int(load), int(free)
        number = int(dut.step_address.value)
        step = m.steps[number]
        enable, link = masks(m, number)
        dut.step_top.value, dut.step_signed.value = step.input.bits - 1, int(step.input.signed)
        dut.step_instances.value = walks[number].instances - 1
        dut.step_first_group.value, dut.step_last_group.value = step.first_group, step.column_groups - 1
        dut.step_gain.value, dut.step_shift.value = range_of(number).gain, range_of(number).shift
        dut.step_enable.value, dut.step_link.value = enable, link
        await Timer(1, "ns")
        assert int(dut.drive.value) == (enable if loaded else 0)
        # Conversion of this cycle.
        expected_m = None
        if pending:
            k, bit, g, n = pending.pop(0)
            s = m.steps[k]
            top = s.input.bits - 1
            on, links = masks(m, k)
            assert (int(dut.convert.value), int(dut.group.value)) == (on, s.first_group + g)
            expected_m = (1, int(bit == top), int(bit == top and s.input.signed), int(bit == 0), n % 2, g, on, links)
            last = cycle
        else:
            assert int(dut.convert.value) == 0
        # Sample of this cycle: as soon as the last group is being converted and the step may begin.
        turn = not pending
        begins = bool(samples) and samples[0][1] == m.steps[samples[0][0]].input.bits - 1
        allowed = bool(samples) and turn and (not begins or (loaded > 0 and buffers < 2))
        assert bool(dut.evaluate.value) == allowed, "sampled too early or too late"
        ends = False
        if allowed:
            k, bit, n = samples.pop(0)
            assert number == k and int(dut.evaluate.value) == masks(m, k)[0]
            assert (int(dut.drive_bit.value), int(dut.drive_bank.value)) == (bit, n % 2)
            assert Trim(int(dut.gain.value), int(dut.shift.value)) == range_of(k)
            pending = [next(conversions) for _ in range(m.steps[k].column_groups)]
            first = cycle if first < 0 else first
            ends = bit == 0
            buffers += begins
            sampled += ends
        assert bool(dut.bank_free.value) == ends
        loaded += load - ends
        total_loaded += load
        buffers -= free
        freed += free
    return compared, last - first


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.5, 0.9], looped=[False, True])
async def conversions_in_order(dut: Any, busy: float, looped: bool) -> None:
    """Without waits the converters never rest: an image takes the bound of codesign.mapping.timing."""
    await start(dut, *INPUTS)
    m, images = mapping(), 6
    compared, cycles = await run(dut, images, busy, random.Random(8), looped)
    assert compared == (len(planned(m, loops(m, looped), images)) if looped else images * bound(m))
    assert looped == (compared > images * bound(m))
    if not busy:
        assert cycles == compared


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    await start(dut, *INPUTS)
    await run(dut, 2, 0.3, random.Random(9))
    dut.step_loaded.value = 1
    await FallingEdge(dut.clk)
    dut.step_loaded.value, dut.buffer_free.value = 0, 0
    for _ in range(3):
        await FallingEdge(dut.clk)  # in the middle of a step
    assert int(dut.convert.value)
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert not int(dut.convert.value) and not int(dut.evaluate.value) and not dut.m_valid.value
    dut.rst.value = 0
    m = mapping()
    assert (await run(dut, 2, 0.3, random.Random(10)))[0] == len(planned(m, loops(m, True), 2))
