"""xb_fetch walks a program: loads in order, as early as the waits of its header allow and no earlier."""

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import IntType
from codesign.mapping import Load, Mapping, Step
from tests.hdl.drive import start
from tests.hdl.nests import ONCE, Nest, nests
from tests.hdl.walked import walk

STEP = (
    "load_first",
    "load_count",
    "wait",
    "releases",
    "whole",
    "source",
    "row",
    "column",
    "rows",
    "row_length",
    "vector",
    "write",
)
LOAD = ("from_memory", "bounded", "offset", "wordline", "run", "row", "column", "mask", "operand", "at_write")
EVENTS = ("available_0", "available_1", "whole_0", "whole_1", "bank_free", "step_drained", "operand_taken")
INPUTS = ("steps", "walk_entry", *(f"step_{n}" for n in STEP), *(f"load_{n}" for n in LOAD), *EVENTS)
MOVED = 100  # sources lie so many activations lower than loads count from: addresses count modulo 2^24
MORE = ("load_bank", "load_select", "load_first", "load_last", "load_turn")


@dataclass(frozen=True)
class Picture:
    """What the loads of a looped step are bounded by: its size, the first place, and each load's place from there."""

    rows: int
    row_length: int
    row: int
    column: int
    loads: tuple[tuple[int, int] | None, ...]  # None: not bounded

    def real(self, place: tuple[int, ...], number: int, count: int) -> list[int]:
        """The activations of load `number` that lie inside."""
        at = self.loads[number]
        if at is None:
            return list(range(count))
        row, column = (a + b + c for a, b, c in zip(place, (self.row, self.column), at, strict=False))
        return [i for i in range(count) if 0 <= row < self.rows and 0 <= column + i < self.row_length]


def random_picture(rng: random.Random, step: Step) -> Picture:
    """One that loads leave on all sides."""
    far = max(load.count for load in step.loads)
    loads = [None if rng.random() < 0.2 else (rng.randint(-2, 2), rng.randint(-far, far)) for _ in step.loads]
    row, column = rng.randint(-2, 2), rng.randint(-far, far)
    return Picture(rng.choice((2, 5)), rng.choice((1, far, 3 * far)), row, column, tuple(loads))


ADDRESSES = 1 << 24
FULL = 7  # instances in flight, more than a whole chip ever has


@dataclass(frozen=True)
class Looped:
    """A step with its walk."""

    step: Step
    nest: Nest
    places: list[tuple[int, ...]]  # of nest
    picture: Picture
    whole: bool  # waits for the whole input image

    @property
    def loads(self) -> int:
        return len(self.places) * len(self.step.loads)


def mapped() -> Mapping:
    return walk(IntType(8), IntType(8))


def program(seed: int | None) -> list[Looped]:
    """The steps of the mapping, some with loops (seed None: none), which wait for the whole input if they read it."""
    m, rng, looped = mapped(), random.Random(seed), seed is not None
    walks = nests(len(m.steps), 9, (2, 5, 90, 0), seed) if seed is not None else [ONCE] * len(m.steps)
    found = []
    for step, nest in zip(m.steps, walks, strict=True):
        picture = random_picture(rng, step) if looped else Picture(0, 0, 0, 0, (None,) * len(step.loads))
        whole = looped and not all(load.from_memory for load in step.loads)
        found.append(Looped(step, nest, nest.places(), picture, whole))
    return found


@dataclass
class Seen:
    """What happened: loads that waited, that waited only for the end of their run or image, and that are cut short."""

    compared: int = 0
    waited: int = 0
    short: int = 0
    free: int = 0  # instances that begin before `wait` allows a step to begin
    above: int = 0
    below: int = 0
    left: int = 0  # without their first activation
    right: int = 0  # without their last
    before: int = 0  # from an address before 0 on


class Walk:
    """The tables beside the module, and where the program must be."""

    def __init__(self, dut: Any, steps: list[Looped], seen: Seen) -> None:
        self.dut, self.steps, self.seen = dut, steps, seen
        self.word = mapped().chip.word
        self.loads: list[Load] = [load for s in steps for load in s.step.loads]
        self.first = [sum(len(s.step.loads) for s in steps[:k]) for k in range(len(steps))]
        self.number = self.instance = self.index = self.bank = self.buffer = 0
        self.occupied = self.in_flight = 0
        self.done = 0  # instances loaded since the start

    @property
    def now(self) -> Looped:
        """The step that is due."""
        return self.steps[self.number]

    @property
    def load(self) -> Load:
        """The load that is due."""
        return self.now.step.loads[self.index]

    @property
    def place(self) -> tuple[int, ...]:
        return self.now.places[self.instance]

    async def present(self) -> None:
        """Answer the table addresses, as combinational tables would."""
        d, now, number = self.dut, self.now, int(self.dut.step_address.value)
        step, picture = now.step, now.picture
        assert number == self.number
        d.step_load_first.value, d.step_load_count.value = self.first[number], len(step.loads)
        d.step_wait.value, d.step_releases.value, d.step_whole.value = step.wait, step.releases_input, now.whole
        d.step_source.value, d.walk_entry.value = (step.source - MOVED) % ADDRESSES, now.nest.entry()
        d.step_row.value, d.step_column.value = picture.row % (1 << 16), picture.column % (1 << 16)
        d.step_rows.value, d.step_row_length.value = picture.rows, picture.row_length
        await Timer(1, "ns")
        assert int(d.load_address.value) == self.first[number] + self.index
        load, at = self.loads[int(d.load_address.value)], picture.loads[self.index]
        d.load_from_memory.value, d.load_offset.value = int(load.from_memory), load.offset + MOVED
        d.load_wordline.value, d.load_run.value = load.wordline, load.count - 1
        d.load_mask.value = sum(1 << a for a in load.arrays)
        row, column = at or (0, 0)
        d.load_bounded.value, d.load_row.value, d.load_column.value = at is not None, row % 256, column % (1 << 16)
        await Timer(1, "ns")

    def address(self) -> int:
        """The activation from which the load reads, from its memory's first one on."""
        base = 0 if self.load.from_memory else self.buffer * int(self.dut.INPUT_DEPTH.value)
        return base + self.now.step.source + self.place[2] + self.load.offset

    def may(self, available: list[int], whole: list[bool]) -> bool:
        step, load = self.now.step, self.load
        drained = step.wait == 0 or self.in_flight < step.wait or self.instance > 0
        if load.from_memory:
            present = True
        elif self.now.whole:
            present = whole[self.buffer]
            self.seen.short += available[self.buffer] > 0 and not present
        else:
            more = available[self.buffer] - step.source - load.offset
            present = more >= load.count
            self.seen.short += 0 < more < load.count
        self.seen.free += step.wait > 0 and self.instance > 0 and self.in_flight >= step.wait
        return self.occupied < 2 and self.in_flight < FULL and drained and present

    def real(self) -> list[int]:
        """The wordlines on which activations of the load are real."""
        load, seen, picture = self.load, self.seen, self.now.picture
        found = picture.real(self.place, self.index, load.count)
        if at := picture.loads[self.index]:
            row = self.place[0] + picture.row + at[0]
            seen.above += row < 0
            seen.below += row >= picture.rows
            seen.left += bool(found) and 0 not in found
            seen.right += bool(found) and load.count - 1 not in found
            seen.before += bool(found) and self.address() < 0
        return [load.wordline + i for i in found]

    def issued(self) -> None:
        """The load is on its way: go to the next one."""
        now, instance_ends = self.now, self.index == len(self.now.step.loads) - 1
        self.index = 0 if instance_ends else self.index + 1
        if instance_ends:
            self.bank ^= 1
            self.occupied, self.in_flight, self.done = self.occupied + 1, self.in_flight + 1, self.done + 1
            self.instance = (self.instance + 1) % len(now.places)
            if not self.instance:
                self.buffer ^= now.step.releases_input
                self.number = (self.number + 1) % len(self.steps)


async def run(dut: Any, steps: list[Looped], images: int, busy: float, rng: random.Random, seen: Seen) -> None:
    """From a reset on, random completions around the module; `busy` is the chance that one is late."""
    for name in ("load_from_memory", *EVENTS):  # nothing to load yet
        getattr(dut, name).value = 0
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    mapping, walk = mapped(), Walk(dut, steps, seen)
    beats, width = mapping.beats, mapping.chip.bus.stream_bytes
    dut.steps.value = len(walk.steps)
    arrived = [0, 0]  # beats in each buffer
    filling = 0
    previous: tuple[int, ...] | None = None  # what the registered outputs must show
    lines: list[int] = []  # and which wordlines are real
    total = images * sum(len(s.places) for s in walk.steps)
    while True:
        await FallingEdge(dut.clk)
        shown = (int(dut.load_arrays.value), int(dut.step_loaded.value))
        if previous is None:
            assert shown == (0, 0)
        else:
            assert (*shown, *(int(getattr(dut, n).value) for n in MORE)) == previous
            assert list(range(int(dut.load_real_first.value), int(dut.load_real_end.value))) == lines
            seen.compared += 1
        if arrived[filling] < beats and rng.random() > busy:
            arrived[filling] += 1
        if arrived[filling] == beats and arrived[1 - filling] == 0:
            filling ^= 1
        available, whole = [a * width for a in arrived], [a == beats for a in arrived]
        free = bool(walk.occupied) and rng.random() > busy
        drained = walk.in_flight > walk.occupied and rng.random() > busy
        dut.available_0.value, dut.available_1.value = available
        dut.whole_0.value, dut.whole_1.value = whole
        dut.bank_free.value, dut.step_drained.value = int(free), int(drained)
        previous = None
        if walk.done == total:
            return
        await walk.present()
        load, step, address = walk.load, walk.now.step, walk.address()
        issue = walk.may(available, whole)
        assert (bool(dut.input_read.value), bool(dut.activation_read.value)) == (
            issue and not load.from_memory,
            issue and load.from_memory,
        )
        ends = issue and walk.index == len(step.loads) - 1
        leaves = ends and step.releases_input and walk.instance == len(walk.now.places) - 1
        releases = [leaves and walk.buffer == b for b in (0, 1)]
        assert [bool(dut.release_0.value), bool(dut.release_1.value)] == releases
        seen.waited += not issue
        if issue:
            port = dut.activation_address if load.from_memory else dut.input_address
            assert int(port.value) == address % (1 << len(port))
            arrays, turn = sum(1 << a for a in load.arrays), (address - load.wordline) % walk.word
            place = (load.wordline, load.count - 1, turn)
            previous, lines = (arrays, int(ends), walk.bank, int(load.from_memory), *place), walk.real()
            if leaves:
                arrived[walk.buffer] = 0
            walk.issued()
        walk.occupied -= free
        walk.in_flight -= drained


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.5, 0.9])
async def loads_in_order(dut: Any, busy: float) -> None:
    await start(dut, *INPUTS)
    m, steps, images, seen = mapped(), program(None), 6, Seen()
    await run(dut, steps, images, busy, random.Random(4), seen)
    assert seen.compared == images * sum(s.loads for s in steps)
    assert seen.waited or len(m.steps) == 1, "nothing ever had to wait"
    assert seen.short or m.beats == 1, "no load ever waited for the end of its run"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(busy=[0.0, 0.5, 0.9])
async def loads_of_loops(dut: Any, busy: float) -> None:
    await start(dut, *INPUTS)
    m, images, total, seen = mapped(), 2, 0, Seen()
    for seed in range(6):
        steps = program(seed)
        await run(dut, steps, images, busy, random.Random(seed), seen)
        total += images * sum(s.loads for s in steps)
    assert seen.compared == total
    assert min(seen.above, seen.below, seen.left, seen.right) > 3, f"a side was hardly left: {seen}"
    assert seen.before, "no run ever began before address 0"
    assert seen.short, "no load ever waited for the end of the image"
    assert seen.free or busy > 0.5 or all(step.wait == 0 for step in m.steps), "wait held nobody back"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    """Reset inside a walk, where loads go on as long as they may."""
    await start(dut, *INPUTS)
    steps = program(7)
    for cycles in (3, 17, 40):
        task = cocotb.start_soon(run(dut, steps, 2, 0.3, random.Random(5), Seen()))
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        task.cancel()
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        await FallingEdge(dut.clk)
        assert int(dut.load_arrays.value) == 0 and not dut.input_read.value
    seen = Seen()
    await run(dut, steps, 2, 0.3, random.Random(6), seen)
    assert seen.compared == 2 * sum(s.loads for s in steps)
