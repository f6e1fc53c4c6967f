"""xb_fetch: loads of operands among others, and vector steps, as early as places and credit allow and no earlier."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from tests.hdl.drive import start
from tests.hdl.nests import Nest, nests

STEP = ("vector", "load_first", "load_count", "wait", "releases", "whole", "source", "write", "row", "column", "rows")
LOAD = ("operand", "at_write", "from_memory", "bounded", "offset", "wordline", "run", "row", "column", "mask")
EVENTS = ("available_0", "available_1", "whole_0", "whole_1", "bank_free", "step_drained", "operand_taken")
TABLES = (*(f"step_{n}" for n in (*STEP, "row_length")), *(f"load_{n}" for n in LOAD))
INPUTS = ("steps", "walk_entry", *TABLES, *EVENTS)
SHOWN = ("load_bank", "load_select", "load_first", "load_last", "load_turn")
ADDRESSES = 1 << 24
FULL = 7  # instances in flight
SIZE = 20  # rows of the picture, and activations of each


@dataclass(frozen=True)
class Load:
    """As in the table. at: row and column of a bounded load, from the place on."""

    operand: bool
    at_write: bool
    from_memory: bool
    at: tuple[int, int] | None
    offset: int
    wordline: int
    count: int
    arrays: int


@dataclass(frozen=True)
class Step:
    """As in the table, with its walk."""

    vector: bool
    wait: int
    source: int
    write: int
    nest: Nest
    loads: tuple[Load, ...]


@dataclass
class Seen:
    """What happened. The first three: loads of operands, vector steps, and loads that waited for nothing else."""

    credit: int = 0
    beside: int = 0  # loads of vector steps while both banks are taken
    full: int = 0
    at_write: int = 0
    cut: int = 0  # operands that are not wholly inside the picture
    last: int = 0  # matrix instances whose last load is an operand
    at_once: int = 0  # operands loaded in the cycle after a place became free


def program(rng: random.Random, arrays: int) -> list[Step]:
    """One step that reads the input, then others that read the memory, half of them vector steps."""
    walks = nests(6, 8, (3, 9, 60, 40), rng.randrange(1000))
    found = [Step(False, 0, 0, 0, walks[0], (Load(False, False, False, None, 0, 3, 8, 5),))]
    for k, nest in enumerate(walks[1:]):
        vector = bool(k % 2)
        loads = []
        for _ in range(rng.randint(1, 5)):
            operand = vector or rng.random() < 0.4
            at = (rng.randint(-3, 3), rng.randint(-9, 9)) if rng.random() < 0.6 else None
            wordline, mask = 0 if operand else rng.randrange(8), rng.randrange(1, 1 << arrays)
            count = rng.randint(1, 4) if operand else rng.randint(1, 8)
            offset = rng.randrange(ADDRESSES)
            loads.append(Load(operand, operand and rng.random() < 0.5, True, at, offset, wordline, count, mask))
        wait = 0 if rng.random() < 0.5 else rng.randint(1, FULL)
        found.append(Step(vector, wait, rng.randrange(ADDRESSES), rng.randrange(ADDRESSES), nest, tuple(loads)))
    return found


class Model:
    """Where the program is, and what is under way."""

    def __init__(self, steps: list[Step], operands: int, seen: Seen) -> None:
        self.steps, self.room, self.seen = steps, operands, seen
        self.number = self.instance = self.index = self.bank = self.buffer = 0
        self.occupied = self.in_flight = self.drainable = self.cycle = self.done = 0
        self.places = [s.nest.places() for s in steps]
        self.shown = (-1, -1)  # step and load that the tables show
        self.queue: deque[int] = deque()  # cycles in which the operands that were not taken were loaded
        self.taken = -9  # cycle of the last one that was, with all places in use

    @property
    def step(self) -> Step:
        return self.steps[self.number]

    @property
    def load(self) -> Load:
        return self.step.loads[self.index]

    @property
    def ends(self) -> bool:
        """The load is the last one of its instance."""
        return self.index == len(self.step.loads) - 1

    @property
    def leaves(self) -> bool:
        """The load is the last one that reads the image: that of the first step."""
        return self.ends and self.number == 0 and self.instance == len(self.places[0]) - 1

    @property
    def place(self) -> tuple[int, ...]:
        return self.places[self.number][self.instance]

    def may(self) -> bool:
        step = self.step
        bank = step.vector or self.occupied < 2
        flies = self.in_flight < FULL
        credit = not self.load.operand or len(self.queue) < self.room
        drained = step.wait == 0 or self.instance > 0 or self.in_flight < step.wait
        self.seen.credit += bank and flies and drained and not credit
        self.seen.full += bank and credit and drained and not flies
        may = bank and flies and credit and drained
        self.seen.beside += may and step.vector and self.occupied == 2
        self.seen.at_once += may and self.load.operand and self.taken == self.cycle - 1
        return may

    def address(self) -> int:
        """The activation from which the load reads, modulo the largest memory."""
        at = self.step.write + self.place[3] if self.load.at_write else self.step.source + self.place[2]
        return (at + self.load.offset) % ADDRESSES

    def real(self) -> list[int]:
        """The wordlines on which activations of the load are real."""
        load = self.load
        inside = list(range(load.count))
        if load.at:
            row, column = (a + b for a, b in zip(self.place[:2], load.at, strict=True))
            inside = [i for i in inside if 0 <= row < SIZE and 0 <= column + i < SIZE]
        self.seen.cut += load.operand and len(inside) < load.count
        return [load.wordline + i for i in inside]

    def issued(self) -> None:
        """The load is on its way: go to the next one."""
        load, step, ends = self.load, self.step, self.ends
        self.seen.at_write += load.at_write
        self.seen.last += ends and load.operand and not step.vector
        if load.operand:
            self.queue.append(self.cycle)
        self.index = 0 if ends else self.index + 1
        if ends:
            self.bank ^= not step.vector
            self.occupied += not step.vector
            self.in_flight += 1
            self.done += 1
            self.instance = (self.instance + 1) % len(self.places[self.number])
            if not self.instance:
                self.buffer ^= self.number == 0
                self.number = (self.number + 1) % len(self.steps)


def present(dut: Any, model: Model, first: list[int]) -> None:
    """The tables' answers, where they are others than before."""
    step, load, shown = model.step, model.load, model.shown
    model.shown = model.number, model.index
    if shown == model.shown:
        return
    row, column = load.at or (0, 0)
    values = {
        "vector": step.vector,
        "load_first": first[model.number],
        "load_count": len(step.loads),
        "wait": step.wait,
        "releases": model.number == 0,
        "whole": model.number == 0,
        "source": step.source,
        "write": step.write,
        "rows": SIZE,
        "row_length": SIZE,
    }
    for name, value in values.items():
        getattr(dut, f"step_{name}").value = int(value)
    dut.walk_entry.value = step.nest.entry()
    values = {
        "operand": load.operand,
        "at_write": load.at_write,
        "from_memory": load.from_memory,
        "bounded": load.at is not None,
        "offset": load.offset,
        "wordline": load.wordline,
        "run": load.count - 1,
        "row": row % (1 << 8),
        "column": column % (1 << 16),
        "mask": load.arrays,
    }
    for name, value in values.items():
        getattr(dut, f"load_{name}").value = int(value)


Late = tuple[float, float, float]  # how often a bank stays taken, an instance in flight, and an operand waiting
LATE: tuple[Late, ...] = ((0, 0, 0), (0.9, 0.5, 0.3), (0.3, 0.9, 0.3), (0.3, 0.5, 0.9))


async def run(dut: Any, steps: list[Step], images: int, late: Late, rng: random.Random, seen: Seen) -> None:
    """From a reset on, random completions around the module."""
    for name in ("load_from_memory", *EVENTS):  # nothing to load yet
        getattr(dut, name).value = 0
    dut.rst.value = 1
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value, dut.steps.value = 0, len(steps)
    model = Model(steps, int(dut.OPERANDS.value), seen)
    first = [sum(len(s.loads) for s in steps[:k]) for k in range(len(steps))]
    total, word = images * sum(s.nest.instances for s in steps), 1 << int(dut.WORD_BITS.value)
    shown: tuple[int, ...] = (0, 0, 0)  # what the registered outputs must be
    details: tuple[int, ...] | None = None
    lines: list[int] = []
    while True:
        await FallingEdge(dut.clk)
        model.cycle += 1
        assert tuple(int(getattr(dut, n).value) for n in ("load_arrays", "operand_loaded", "step_loaded")) == shown
        if details:
            assert tuple(int(getattr(dut, n).value) for n in SHOWN) == details
            assert list(range(int(dut.load_real_first.value), int(dut.load_real_end.value))) == lines
        if model.done == total:
            return
        free = bool(model.occupied) and rng.random() >= late[0]
        drained = model.in_flight > model.occupied and rng.random() >= late[1]
        taken = bool(model.queue) and model.queue[0] <= model.cycle - 2 and rng.random() >= late[2]
        dut.bank_free.value, dut.step_drained.value, dut.operand_taken.value = int(free), int(drained), int(taken)
        assert int(dut.step_address.value) == model.number
        present(dut, model, first)
        dut.whole_0.value, dut.whole_1.value = 1, 1
        await Timer(1, "ns")
        assert int(dut.load_address.value) == first[model.number] + model.index
        load, issue, address = model.load, model.may(), model.address()
        reads = bool(dut.input_read.value), bool(dut.activation_read.value)
        assert reads == (issue and not load.from_memory, issue and load.from_memory)
        releases = [issue and model.leaves and model.buffer == b for b in (0, 1)]
        assert [bool(dut.release_0.value), bool(dut.release_1.value)] == releases
        full = len(model.queue) == model.room
        shown, details = (0, 0, 0), None
        if issue:
            if load.from_memory:
                assert int(dut.activation_address.value) == address % (1 << len(dut.activation_address))
            else:
                address += model.buffer * int(dut.INPUT_DEPTH.value)
                assert int(dut.input_address.value) == address % (1 << len(dut.input_address))
            lines, turn = model.real(), (address - load.wordline) % word
            details = (model.bank, int(load.from_memory), load.wordline, load.count - 1, turn)
            loaded = int(model.ends and not model.step.vector)
            shown = (0 if load.operand else load.arrays, int(load.operand), loaded)
            model.issued()
        model.occupied -= free
        model.in_flight -= drained
        if taken:
            model.queue.popleft()
            model.taken = model.cycle if full else model.taken


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def operands_among_loads(dut: Any) -> None:
    await start(dut, *INPUTS)
    seen = Seen()
    for seed in range(8):
        rng = random.Random(seed)
        await run(dut, program(rng, int(dut.ARRAYS.value)), 2, LATE[seed % len(LATE)], rng, seen)
    assert min(seen.at_write, seen.cut, seen.last, seen.full, seen.beside) > 5, seen
    assert int(dut.OPERANDS.value) > 20 or min(seen.credit, seen.at_once) > 5, seen


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_gives_back_credit(dut: Any) -> None:
    await start(dut, *INPUTS)
    steps = program(random.Random(3), int(dut.ARRAYS.value))
    for cycles in (9, 60):
        task = cocotb.start_soon(run(dut, steps, 2, LATE[3], random.Random(5), Seen()))
        for _ in range(cycles):
            await FallingEdge(dut.clk)
        task.cancel()
    await run(dut, steps, 1, LATE[3], random.Random(6), Seen())
