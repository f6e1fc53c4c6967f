"""xb_drain: operands as terms, alone and beside accumulators, in the order of the program, as they come."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import pack_fields
from tests.hdl.drive import start
from tests.hdl.nests import Nest, nests

STEP = ("vector", "tile_first", "tile_count", "write", "window")
TILE = ("array", "columns", "group", "correction", "write", "constant", "last", "operand", "signed", "repeats")
TABLES = ("walk_entry", *(f"step_{n}" for n in STEP), *(f"tile_{n}" for n in TILE))
AROUND = ("ready_0", "ready_1", "read_data", "operand_valid", "operand_data", "m_ready")
INPUTS = ("steps", *TABLES, *AROUND)


@dataclass(frozen=True)
class Entry:
    """Of the table of tiles: a term of a tile's columns, or several."""

    operand: bool
    signed: bool
    repeats: int
    array: int
    group: int
    correction: int
    constant: int
    columns: int
    write: int
    last: bool


@dataclass(frozen=True)
class Step:
    """As in the table, with its walk. tiles: the entries of each."""

    vector: bool
    write: int
    nest: Nest
    tiles: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True)
class Item:
    """A term that must leave. number: its column group's within the tile."""

    step: Step
    moved: int
    entry: Entry
    number: int
    emits: bool
    ends: bool  # the instance
    ends_image: bool
    buffer: int  # of the instance, or of the next one that has accumulators


def drawn(rng: random.Random, vector: bool, groups: int, columns: int, write: int) -> tuple[Entry, ...]:
    """The entries of a tile: at least one term, at first an accumulator where there are any."""
    entries = []
    for k in range(rng.randint(1, 3)):
        operand = vector or (k > 0 and rng.random() < 0.7)
        repeats = rng.randint(1, 4) if operand and k else 1
        group = 0 if operand else rng.randrange(groups)
        signed, correction = operand and rng.random() < 0.5, 0 if operand else rng.randrange(99)
        numbers = 0 if operand else rng.randrange(5), group, correction, rng.randrange(50)
        entries.append(Entry(operand, signed, repeats, *numbers, columns, write, False))
    return (*entries[:-1], replace(entries[-1], last=True))


def program(rng: random.Random, lanes: int) -> list[Step]:
    """Steps that write up to 4 column groups, half of them vector steps, each of a tile or two."""
    found = []
    for k, nest in enumerate(nests(6, 8, (0, 0, 0, 90), rng.randrange(1000))):
        vector, columns, tiles = bool(k % 2), rng.randint(1, 4 * lanes), rng.randint(1, 2)
        walk = replace(nest, window=0)
        if vector:  # the innermost loop goes through the lane groups
            loops = (-(-columns // lanes), *nest.counts[1:3], 1), ((0, 0, 0, lanes), *nest.strides[1:])
            walk = replace(walk, counts=loops[0], strides=loops[1])
        entries = [drawn(rng, vector, 3, columns, rng.randrange(60)) for _ in range(tiles)]
        found.append(Step(vector, rng.randrange(200), walk, tuple(entries)))
    return found


def planned(steps: list[Step], lanes: int, images: int) -> Iterator[Item]:
    """Every term, in order."""
    buffer = 0
    for step in images * steps:
        places = step.nest.places()
        for turn, (*_, moved) in enumerate(places):
            for tile in step.tiles:
                groups = -(-tile[0].columns // lanes)
                numbers = (turn % groups,) if step.vector else range(groups)
                for number in numbers:
                    for entry in tile:
                        for repeat in range(entry.repeats):
                            emits = entry.last and repeat == entry.repeats - 1
                            ends = emits and tile is step.tiles[-1] and number == numbers[-1]
                            final = ends and turn == len(places) - 1 and step is steps[-1]
                            yield Item(step, moved, entry, number, emits, ends, final, buffer)
            buffer ^= not step.vector


@dataclass
class Seen:
    """Terms, and what was special about them."""

    compared: int = 0
    mixed: int = 0  # operands beside accumulators
    repeated: int = 0
    negative: int = 0
    short: int = 0  # lane groups of vector steps, for fewer columns than lanes
    moved: int = 0  # constants of vector steps that are not the tile's first
    waited: int = 0  # for an operand
    stopped: int = 0  # operands that the taker stopped


async def run(
    dut: Any, steps: list[Step], images: int, late: float, pause: float, rng: random.Random, seen: Seen
) -> None:
    """From a reset on. `late`, `pause`: how often an operand or a group is late, and the taker not ready."""
    lanes, field, bits = (int(getattr(dut, n).value) for n in ("LANES", "FIELD", "BITS"))
    items = deque(planned(steps, lanes, images))
    entries = [e for s in steps for tile in s.tiles for e in tile]
    counts = [sum(map(len, s.tiles)) for s in steps]
    dut.rst.value, dut.steps.value, dut.operand_valid.value = 1, len(steps), 0
    dut.ready_0.value, dut.ready_1.value = 0, 0
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    operands: deque[list[int]] = deque()
    shown: Step | None = None  # by the table
    ready = [0, 0]  # complete groups of each accumulator buffer
    numbers = {id(step): k for k, step in enumerate(steps)}
    while items:
        want = items[0]
        step, entry = want.step, want.entry
        if len(operands) < 2 and rng.random() >= late:
            operands.append([rng.getrandbits(bits) for _ in range(lanes)])
        if rng.random() >= late:
            ready[want.buffer] = min(7, ready[want.buffer] + 1) if late else 7
        dut.ready_0.value, dut.ready_1.value = ready
        taken = rng.random() >= pause
        acc = [rng.randrange(1 << (field - 1)) for _ in range(lanes)]
        head = operands[0] if operands else [rng.getrandbits(bits) for _ in range(lanes)]
        dut.m_ready.value, dut.read_data.value = int(taken), pack_fields(acc, field)
        dut.operand_valid.value, dut.operand_data.value = int(bool(operands)), pack_fields(head, bits)
        number = int(dut.step_address.value)
        assert number == numbers[id(step)]
        if step is not shown:
            shown, values = step, (step.vector, sum(counts[:number]), counts[number], step.write, 0)
            for name, value in zip(STEP, values, strict=True):
                getattr(dut, f"step_{name}").value = int(value)
            dut.walk_entry.value = step.nest.entry()
        await Timer(1, "ns")
        assert entries[int(dut.tile_address.value)] is entry, "terms in order"
        for name in TILE:
            value = entry.repeats - 1 if name == "repeats" else getattr(entry, name)
            getattr(dut, f"tile_{name}").value = int(value)
        await Timer(1, "ns")
        there = bool(operands) if entry.operand else ready[want.buffer] > entry.group + want.number
        assert bool(dut.m_valid.value) == there, "valid exactly while the term is there"
        goes = there and taken
        assert bool(dut.operand_taken.value) == (goes and entry.operand)
        assert bool(dut.release_buffer.value) == (goes and want.ends and not step.vector)
        seen.waited += entry.operand and not there
        seen.stopped += entry.operand and there and not taken
        if there:
            compare(dut, want, head if entry.operand else acc)
        if goes:
            note(seen, want, head, lanes, bits)
            items.popleft()
            if entry.operand:
                operands.popleft()
            if want.ends and not step.vector:
                ready[want.buffer] = 0
        await FallingEdge(dut.clk)


def compare(dut: Any, want: Item, given: list[int]) -> None:
    """The term that leaves. given: the operand's lanes, or the accumulators."""
    step, entry = want.step, want.entry
    lanes, field, bits = (int(getattr(dut, n).value) for n in ("LANES", "FIELD", "BITS"))
    if entry.operand:
        sign = entry.signed << (bits - 1)
        values = [(v ^ sign) - sign for v in given]
    else:
        values = [v - entry.correction for v in given]
        at = (int(dut.read_buffer.value), int(dut.read_array.value), int(dut.read_group.value))
        assert at == (want.buffer, entry.array, entry.group + want.number)
    assert int(dut.m_acc.value) == pack_fields(values, field)
    assert int(dut.constant_address.value) == entry.constant + want.number
    assert int(dut.m_columns.value) == entry.columns - lanes * want.number
    write = step.write + want.moved + entry.write + (0 if step.vector else lanes * want.number)
    assert int(dut.m_write.value) == write % (1 << len(dut.m_write))
    ends = tuple(bool(getattr(dut, n).value) for n in ("m_emit", "m_step_end", "m_image_end"))
    assert ends == (want.emits, want.ends, want.ends_image)


def note(seen: Seen, item: Item, head: list[int], lanes: int, bits: int) -> None:
    """What the term shows."""
    entry, vector = item.entry, item.step.vector
    seen.compared += 1
    seen.mixed += entry.operand and not vector
    seen.repeated += entry.repeats > 1
    seen.negative += entry.operand and entry.signed and max(head) >> (bits - 1)
    seen.short += vector and entry.columns - lanes * item.number < lanes
    seen.moved += vector and item.number > 0


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(late=[0.0, 0.7], pause=[0.0, 0.4])
async def operands_in_order(dut: Any, late: float, pause: float) -> None:
    await start(dut, *INPUTS)
    lanes, total, seen = int(dut.LANES.value), 0, Seen()
    for seed in range(3):
        rng = random.Random(seed)
        steps = program(rng, lanes)
        await run(dut, steps, 1, late, pause, rng, seen)
        total += len(list(planned(steps, lanes, 1)))
    assert seen.compared == total
    assert min(seen.mixed, seen.repeated, seen.negative, seen.moved) > 5 and (lanes == 1 or seen.short > 5), seen
    assert bool(seen.waited) == bool(late) and bool(seen.stopped) == bool(pause), seen


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    """Reset inside instances, and inside entries that repeat."""
    await start(dut, *INPUTS)
    steps = program(random.Random(1), int(dut.LANES.value))
    for cycles in (5, 12, 31, 32, 33):
        task = cocotb.start_soon(run(dut, steps, 1, 0.2, 0.0, random.Random(2), Seen()))
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        task.cancel()
    await run(dut, steps, 1, 0.2, 0.2, random.Random(3), Seen())
