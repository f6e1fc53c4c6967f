"""xb_drain: accumulators in the order of the program, term by term, corrected, with where they go."""

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import IntType, pack_fields
from codesign.mapping import Mapping, OutputTile, Step
from codesign.mapping.mapping import Term
from tests.hdl.drive import start
from tests.hdl.nests import ONCE, Nest, nests
from tests.hdl.walked import walk

STEP = ("steps", "step_tile_first", "step_tile_count", "step_write", "step_window", "walk_entry")
TILE = ("tile_array", "tile_columns", "tile_group", "tile_correction", "tile_write", "tile_constant", "tile_last")
OPERANDS = ("step_vector", "tile_operand", "tile_signed", "tile_repeats", "operand_valid", "operand_data")
INPUTS = (*STEP, *TILE, *OPERANDS, "ready_0", "ready_1", "read_data", "m_ready")
MANY = 6  # images


@dataclass(frozen=True)
class Item:
    """A term of a column group that must leave."""

    buffer: int
    step: Step
    tile: OutputTile
    term: Term
    group: int  # within the tile
    last: bool  # of its column group
    moved: int  # how far the walk has moved the write address
    window: tuple[bool, bool]  # whether its instance is the first and the last of its window
    ends: bool  # the instance
    ends_image: bool

    @property
    def array(self) -> int:
        return self.step.blocks[self.term.block].arrays[-1]


def mapping() -> Mapping:
    return walk(IntType(3, True), IntType(5))


def loops(m: Mapping, looped: bool) -> list[Nest]:
    """The walk of each step."""
    return nests(len(m.steps), 9, (0, 0, 0, 40), 20) if looped else [ONCE] * len(m.steps)


def planned(m: Mapping, walks: list[Nest], images: int) -> list[Item]:
    result: list[Item] = []
    instances = [
        (step, moved, window, k == nest.instances - 1 and step is m.steps[-1])
        for step, nest in zip(m.steps, walks, strict=True)
        for k, ((*_, moved), window) in enumerate(zip(nest.places(), nest.windows(), strict=True))
    ]
    for n, (step, moved, window, final) in enumerate(images * instances):
        for tile in step.tiles:
            count = -(-tile.columns // m.chip.adc.lanes)
            for g in range(count):
                for term in tile.terms:
                    last = term is tile.terms[-1]
                    ends = last and tile is step.tiles[-1] and g == count - 1
                    result.append(Item(n % 2, step, tile, term, g, last, moved, window, ends, ends and final))
    return result


async def run(
    dut: Any, images: int, late: float, pause: float, rng: random.Random, looped: bool = True
) -> tuple[int, int]:
    """`late`, `pause`: how often a group is not complete, and the taker not ready. (terms compared, cycles)"""
    m = mapping()
    walks = loops(m, looped)
    lanes, field = m.chip.adc.lanes, m.chip.acc_bits + 1
    entries = [(s, t, term) for s in m.steps for t in s.tiles for term in t.terms]  # of the table of tiles
    per_step = [sum(len(t.terms) for t in s.tiles) for s in m.steps]
    items = planned(m, walks, images)
    widths = [item.step.column_groups for item in items if item.ends]  # of the instances
    dut.steps.value = len(m.steps)
    compared = cycles = held = beside = 0
    ready, filled = [0, 0], 0  # complete groups of each buffer; instances whose groups were offered so far
    drained = 0
    while items:
        await FallingEdge(dut.clk)
        cycles += 1
        while filled < len(widths) and filled < drained + 2:  # an instance may fill a free buffer
            if rng.random() < late:
                break
            ready[filled % 2] = ready[filled % 2] + 1 if late else widths[filled]
            if ready[filled % 2] < widths[filled]:
                break
            filled += 1
        dut.ready_0.value, dut.ready_1.value = ready
        dut.m_ready.value = taken = int(rng.random() >= pause)
        number = int(dut.step_address.value)
        dut.step_tile_first.value, dut.step_tile_count.value = sum(per_step[:number]), per_step[number]
        dut.step_write.value = m.steps[number].write
        dut.step_window.value, dut.walk_entry.value = walks[number].window, walks[number].entry()
        await Timer(1, "ns")
        step, tile, term = entries[int(dut.tile_address.value)]
        dut.tile_array.value, dut.tile_columns.value = step.blocks[term.block].arrays[-1], tile.columns
        dut.tile_group.value, dut.tile_correction.value = term.group, term.correction
        dut.tile_write.value, dut.tile_constant.value = tile.column, term.constant
        dut.tile_last.value = int(term is tile.terms[-1])
        acc = [rng.randrange(1 << (field - 1)) for _ in range(lanes)]
        dut.read_data.value = pack_fields(acc, field)
        await Timer(1, "ns")
        want = items[0]
        complete = ready[want.buffer] > want.term.group + want.group
        assert bool(dut.m_valid.value) == complete, "valid exactly while the group is complete"
        assert bool(dut.release_buffer.value) == bool(complete and taken and want.ends)
        if not complete:
            beside += ready[want.buffer] > want.group  # it reads groups further on
            continue
        assert step is want.step and tile is want.tile and term is want.term
        at = (int(dut.read_buffer.value), int(dut.read_group.value), int(dut.read_array.value))
        assert at == (want.buffer, term.group + want.group, want.array)
        assert int(dut.m_acc.value) == pack_fields([a - term.correction for a in acc], field)
        assert int(dut.constant_address.value) == term.constant + want.group
        assert int(dut.m_columns.value) == tile.columns - want.group * lanes
        write = step.write + want.moved + tile.column + want.group * lanes
        assert int(dut.m_write.value) == write % (1 << len(dut.m_write))
        assert (bool(dut.m_window_first.value), bool(dut.m_window_last.value)) == want.window
        assert (bool(dut.m_step_end.value), bool(dut.m_image_end.value)) == (want.ends, want.ends_image)
        if taken:
            items.pop(0)
            compared += 1
            if want.ends:
                ready[want.buffer] = 0
                drained += 1
        held += not taken and not want.last
    await FallingEdge(dut.clk)
    if images >= MANY:
        chained = any(len(t.terms) > 1 for s in m.steps for t in s.tiles)
        assert held or not pause or not chained, "the taker never stopped a chain"
        assert beside or not late or not any(term.group for _, _, term in entries), "groups further on came no later"
    return compared, cycles


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(late=[0.0, 0.9], pause=[0.0, 0.4], looped=[False, True])
async def groups_in_order(dut: Any, late: float, pause: float, looped: bool) -> None:
    await start(dut, *INPUTS)
    m = mapping()
    items = planned(m, loops(m, looped), MANY)
    assert len({item.window for item in items}) == (4 if looped else 1)
    assert looped == any(item.moved for item in items)
    compared, cycles = await run(dut, MANY, late, pause, random.Random(11), looped)
    assert compared == len(items)
    if not late and not pause:
        assert cycles == compared, "a term a cycle"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    """Reset inside a step, and inside a chain where there is one."""
    await start(dut, *INPUTS)
    for cycles in (13, 14):
        task = cocotb.start_soon(run(dut, MANY, 0.3, 0.0, random.Random(12)))
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        task.cancel()
        dut.rst.value, dut.ready_0.value, dut.ready_1.value = 1, 2, 2
        await FallingEdge(dut.clk)
        assert not dut.m_valid.value
        dut.rst.value, dut.ready_0.value, dut.ready_1.value = 0, 0, 0
    m = mapping()
    assert (await run(dut, 2, 0.3, 0.3, random.Random(13)))[0] == len(planned(m, loops(m, True), 2))
