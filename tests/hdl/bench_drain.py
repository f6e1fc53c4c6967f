"""xb_drain: accumulators in the order of the program, corrected, with where they go."""

import json
import os
import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.chip.description import Chip
from codesign.fixed import IntType, pack_fields
from codesign.mapping import Mapping, OutputTile, Step
from tests.hdl.drive import start
from tests.hdl.programs import program

INPUTS = ("steps", "step_tile_first", "step_tile_count", "step_constant_first", "step_word", "tile_array")
MORE = ("tile_columns", "tile_correction", "ready_0", "ready_1", "read_data", "m_ready")
Group = tuple[int, Step, OutputTile, int, bool, bool]  # buffer, step, tile, group, ends step, ends image


def mapping() -> Mapping:
    chip, sizes = Chip.model_validate_json(os.environ["CHIP"]), json.loads(os.environ["SIZES"])
    return program(sizes, chip, None, kind=IntType(3, True), hidden=IntType(5)).mapping


def planned(m: Mapping, images: int) -> list[Group]:
    result: list[Group] = []
    lanes = m.chip.adc.lanes
    for n in range(images * len(m.steps)):
        step = m.steps[n % len(m.steps)]
        for tile in step.tiles:
            count = -(-tile.columns // lanes)
            for g in range(count):
                ends = tile is step.tiles[-1] and g == count - 1
                result.append((n % 2, step, tile, g, ends, ends and step is m.steps[-1]))
    return result


async def run(dut: Any, images: int, late: float, pause: float, rng: random.Random) -> tuple[int, int]:
    """`late`, `pause`: how often a group is not complete, and the taker not ready. (words compared, cycles)"""
    m = mapping()
    chip, lanes = m.chip, m.chip.adc.lanes
    field, per_step = chip.acc_bits + 1, [len(s.tiles) for s in m.steps]
    tiles = [t for s in m.steps for t in s.tiles]
    items = planned(m, images)
    total = len(items)
    dut.steps.value = len(m.steps)
    compared = cycles = 0
    ready, filled = [0, 0], 0  # complete groups of each buffer; steps whose groups were offered so far
    drained = 0
    while items:
        await FallingEdge(dut.clk)
        cycles += 1
        while filled < images * len(m.steps) and filled < drained + 2:  # a step may fill a free buffer
            step = m.steps[filled % len(m.steps)]
            if rng.random() < late:
                ready[filled % 2] = min(ready[filled % 2] + 1, step.column_groups)
                if ready[filled % 2] < step.column_groups:
                    break
            else:
                ready[filled % 2] = step.column_groups
            filled += 1
        dut.ready_0.value, dut.ready_1.value = ready
        dut.m_ready.value = taken = int(rng.random() >= pause)
        number = int(dut.step_address.value)
        step = m.steps[number]
        dut.step_tile_first.value, dut.step_tile_count.value = sum(per_step[:number]), per_step[number]
        dut.step_constant_first.value, dut.step_word.value = step.constant, step.word
        await Timer(1, "ns")
        tile = tiles[int(dut.tile_address.value)]
        dut.tile_array.value, dut.tile_columns.value = tile.arrays[-1], tile.columns
        dut.tile_correction.value = tile.correction
        acc = [rng.randrange(1 << (field - 1)) for _ in range(lanes)]
        dut.read_data.value = pack_fields(acc, field)
        await Timer(1, "ns")
        buffer, want_step, want_tile, group, ends, last = items[0]
        complete = ready[buffer] > group
        assert bool(dut.m_valid.value) == complete, "valid exactly while the group is complete"
        assert bool(dut.release_buffer.value) == bool(complete and taken and ends)
        if not complete:
            continue
        assert step is want_step and tile is want_tile
        at = (int(dut.read_buffer.value), int(dut.read_group.value), int(dut.read_array.value))
        assert at == (buffer, group, tile.arrays[-1])
        assert int(dut.m_acc.value) == pack_fields([a - tile.correction for a in acc], field)
        output = tile.column + group * lanes
        assert int(dut.constant_address.value) == step.constant + output // lanes
        assert int(dut.m_columns.value) == tile.columns - group * lanes
        place = (step.word + output // chip.arrays.rows, output % chip.arrays.rows // lanes)
        assert (int(dut.m_word.value), int(dut.m_unit.value)) == place
        assert (bool(dut.m_step_end.value), bool(dut.m_image_end.value)) == (ends, last)
        if taken:
            items.pop(0)
            compared += lanes
            if ends:
                ready[buffer] = 0
                drained += 1
    await FallingEdge(dut.clk)
    assert compared == total * lanes
    return compared, cycles


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(late=[0.0, 0.6], pause=[0.0, 0.4])
async def groups_in_order(dut: Any, late: float, pause: float) -> None:
    await start(dut, *INPUTS, *MORE)
    compared, cycles = await run(dut, 6, late, pause, random.Random(11))
    count = len(planned(mapping(), 6))
    assert compared == count * int(dut.LANES.value)
    if not late and not pause:
        assert cycles == count, "a group a cycle"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    await start(dut, *INPUTS, *MORE)
    task = cocotb.start_soon(run(dut, 6, 0.3, 0.3, random.Random(12)))
    for _ in range(13):
        await FallingEdge(dut.clk)
    task.cancel()
    dut.rst.value, dut.ready_0.value, dut.ready_1.value = 1, 2, 2
    await FallingEdge(dut.clk)
    assert not dut.m_valid.value
    dut.rst.value, dut.ready_0.value, dut.ready_1.value = 0, 0, 0
    assert (await run(dut, 2, 0.3, 0.3, random.Random(13)))[0] == len(planned(mapping(), 2)) * int(dut.LANES.value)
