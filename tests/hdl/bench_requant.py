"""xb_requant against codesign.fixed.requantize: single terms, and chains of terms that are added or compared."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.chip.layout import OPS
from codesign.fixed import (
    BIAS_BITS,
    INT32,
    MAX_SHIFT,
    MULT_BITS,
    Ints,
    IntType,
    pack_fields,
    requantize,
    requantize_terms,
)
from tests.hdl.drive import plane_vector, start

STEP = ("s_shift", "s_lo", "s_hi", "s_raw")
INPUTS = ("s_valid", "s_acc", "s_constants", *STEP, "s_op", "s_emit", "s_columns", "s_tag", "m_ready")
FIRST, ADD, MAX = (OPS.value(name) for name in ("first", "add", "max"))


@dataclass
class Term:
    """What enters in one cycle. A term that is added has a bias as well, which must not count."""

    acc: Ints
    mult: Ints
    bias: Ints
    op: int = FIRST


@dataclass
class Group:
    """Terms of a column group, and what they become."""

    terms: list[Term]
    shift: int
    out: IntType
    columns: int
    tag: int
    scaled: Ints = field(init=False)
    won: set[bool] = field(default_factory=set)  # whether a later term was the larger one

    def __post_init__(self) -> None:
        for term in self.terms:
            product = term.acc * term.mult
            if term.op == FIRST:
                self.scaled = product + term.bias
            elif term.op == ADD:
                self.scaled = self.scaled + product
            else:
                self.won |= set((product + term.bias > self.scaled).tolist())
                self.scaled = np.maximum(self.scaled, product + term.bias)
        assert IntType(48, True).holds(self.scaled)

    @property
    def raw(self) -> bool:
        return self.out == INT32

    def expected(self, bits: int) -> int:
        """m_words of a raw group, m_planes of another."""
        if self.raw:
            wide = requantize(self.scaled, 1, 0, self.shift, IntType(48, True))
            return pack_fields(wide, 32)
        values = requantize(self.scaled, 1, 0, self.shift, self.out)
        self.check(values)
        values[self.columns :] = 0
        return plane_vector(values, bits)

    def check(self, values: Ints) -> None:
        """Chains of one kind equal what codesign.fixed has for them."""
        first, ops = self.terms[0], {t.op for t in self.terms[1:]}
        if ops == {ADD}:
            pairs = [(t.acc, t.mult) for t in self.terms]
            assert (values == requantize_terms(pairs, first.bias, self.shift, self.out)).all()
        elif ops == {MAX}:
            each = [requantize(t.acc, t.mult, t.bias, self.shift, self.out) for t in self.terms]
            assert (values == np.max(each, axis=0)).all()


def corners(kind: IntType) -> list[int]:
    return sorted(v for v in {kind.lo, -1, 0, 1, kind.hi} if kind.holds(v))


def clamp_edges(out: IntType, shift: int) -> list[int]:
    """Values that the clamp and the rounding decide about, before the shift."""
    half = (1 << shift) >> 1
    return [(edge << shift) - half + d for edge in (out.lo, out.lo + 1, out.hi, out.hi + 1) for d in (-1, 0, 1)]


def ranges(bits: int) -> list[IntType]:
    """Ranges inside types of so many bits: without an end, below 0, above 0, around 0, and one value."""
    made = []
    for signed in (True, False):
        lo, hi = IntType(bits, signed).limits
        ends = {(lo + 1, hi), (lo, hi - 1), (lo, -1), (lo + 1, -1), (1, hi), (-1, 1), (lo, lo), (hi, hi), (-1, -1)}
        made += [IntType(bits, signed, (a, b)) for a, b in sorted(ends) if lo <= a <= b <= hi]
    return [kind for kind in made if kind.within]


def groups(lanes: int, field: int, bits: int, tags: int) -> Iterator[Group]:
    rng = np.random.default_rng(5)
    acc_kind, mult_kind, bias_kind = IntType(field, True), IntType(MULT_BITS, True), IntType(BIAS_BITS, True)
    outs = [INT32, *(IntType(b, s) for b in {1, min(4, bits), bits} for s in (False, True))]
    outs += ranges(bits)
    lanes_of: dict[tuple[int, IntType], list[tuple[int, int, int]]] = {}
    for shift, out in product((0, 1, 14, MAX_SHIFT), outs):
        some = list(product(corners(acc_kind), corners(mult_kind), corners(bias_kind)))
        if out != INT32:
            some += [(0, 7, e) for e in clamp_edges(out, shift) if bias_kind.holds(e)]
            some += [(-1, 1, e + 1) for e in clamp_edges(out, shift) if bias_kind.holds(e + 1)]
        if len(lanes_of) >= 4:  # the full product once for each shift is enough
            few = 4 if out.within else 40
            some = [some[k] for k in sorted(rng.choice(len(some), few, replace=False))] + some[-24:]
        lanes_of[shift, out] = some
    for (shift, out), values in lanes_of.items():
        values += [values[0]] * (-len(values) % lanes)
        for k in range(0, len(values), lanes):
            acc, mult, bias = np.array(values[k : k + lanes], np.int64).T
            columns = int(rng.integers(1, 2 * lanes + 1))
            yield Group([Term(acc, mult, bias)], shift, out, columns, int(rng.integers(tags)))
    for n in range(99):
        out = outs[rng.integers(len(outs))]
        shift = int(rng.integers(MAX_SHIFT + 1))
        scale = max(1, min(mult_kind.hi, (1 << (shift + out.bits)) >> (field - 1)))
        terms = []
        for k in range(int(rng.integers(1, 5))):
            acc = rng.integers(acc_kind.lo, acc_kind.hi + 1, lanes)
            bias = rng.integers(-(1 << 20), 1 << 20, lanes)
            op = FIRST if k == 0 else (ADD, MAX, int(rng.choice([ADD, MAX])))[n % 3]
            terms.append(Term(acc, rng.integers(-scale, scale + 1, lanes), bias, op))
        yield Group(terms, shift, out, lanes, int(rng.integers(tags)))


class Unit:
    """Driver and monitor."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.cycle = dut, 0
        self.lanes, self.field, self.bits = (int(getattr(dut, n).value) for n in ("LANES", "FIELD", "BITS"))
        self.taken: list[int] = []  # cycles of last terms
        self.left: list[int] = []
        self.stopped = 0  # terms after the first one of a group that had to wait

    async def send(self, items: list[Group], gaps: float, rng: random.Random) -> None:
        d = self.dut
        for g, term in [(group, term) for group in items for term in group.terms]:
            while rng.random() < gaps:
                d.s_valid.value = 0
                await RisingEdge(d.clk)
            emit = term is g.terms[-1]
            both = [(int(b) & 0xFFFFFFFF) << 16 | int(m) & 0xFFFF for b, m in zip(term.bias, term.mult, strict=True)]
            d.s_acc.value, d.s_constants.value = pack_fields(term.acc, self.field), pack_fields(both, 48)
            d.s_op.value, d.s_emit.value = term.op, int(emit)
            d.s_shift.value, d.s_raw.value, d.s_columns.value = g.shift, int(g.raw), g.columns
            d.s_tag.value = g.tag if emit else rng.getrandbits(len(d.s_tag))  # only the last one's leaves
            lo, hi = (0, 0) if g.raw else (g.out.lo, g.out.hi)
            d.s_lo.value, d.s_hi.value = lo & 0xFFFF, hi & 0xFFFF
            d.s_valid.value = 1
            await RisingEdge(d.clk)
            while not d.s_ready.value:
                self.stopped += term.op != FIRST
                await RisingEdge(d.clk)
            if emit:
                self.taken.append(self.cycle)
        d.s_valid.value = 0

    def offered(self, raw: bool) -> tuple[int, ...]:
        d = self.dut
        value = int(d.m_words.value) if raw else int(d.m_planes.value)
        return value, int(d.m_raw.value), int(d.m_columns.value), int(d.m_tag.value)

    async def receive(self, items: list[Group], pause: float, rng: random.Random) -> int:
        """Compare every group; while one waits, it must not change."""
        d, compared, k = self.dut, 0, 0
        ready = d.m_ready.value = int(rng.random() >= pause)
        while k < len(items):
            await RisingEdge(d.clk)
            self.cycle += 1
            if d.m_valid.value:
                g = items[k]
                want = (g.expected(self.bits), int(g.raw), g.columns, g.tag)
                assert self.offered(g.raw) == want, f"group {k}: {g}"
                if ready:
                    self.left.append(self.cycle)
                    compared += self.lanes
                    k += 1
            ready = d.m_ready.value = int(rng.random() >= pause)
        return compared


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(gaps=[0.0, 0.3], pause=[0.0, 0.4])
async def stream(dut: Any, gaps: float, pause: float) -> None:
    unit = Unit(dut)
    await start(dut, *INPUTS)
    items = list(groups(unit.lanes, unit.field, unit.bits, 1 << len(dut.s_tag)))
    narrow = [g.out for g in items if g.out.within]
    assert any(k.lo == k.hi for k in narrow) and any(k.hi < 0 for k in narrow) and any(k.lo > 0 for k in narrow)
    chains = [[t.op for t in g.terms[1:]] for g in items]
    assert {(ADD,), (MAX,), (ADD, ADD), (MAX, MAX), (ADD, MAX), (MAX, ADD)} <= {tuple(c) for c in chains}
    assert {won for g in items for won in g.won} == {False, True}, "the larger of two on either side"
    sender = cocotb.start_soon(unit.send(items, gaps, random.Random(1)))
    compared = await unit.receive(items, pause, random.Random(2))
    await sender
    assert compared == len(items) * unit.lanes > 500
    if not gaps and not pause:
        assert unit.left[-1] - unit.left[0] == sum(len(g.terms) for g in items[1:]), "a term a cycle"
    if not pause:
        assert len({out - into for into, out in zip(unit.taken, unit.left, strict=True)}) == 1, "the same latency"
    else:
        assert unit.stopped, "no chain was stopped in its middle"


@cocotb.test(timeout_time=10, timeout_unit="us")
async def latency_and_reset(dut: Any) -> None:
    """Valid two cycles after the group was taken; reset drops what is inside."""
    unit = Unit(dut)
    await start(dut, *INPUTS)
    item = next(groups(unit.lanes, unit.field, unit.bits, 1))
    await unit.send([item], 0.0, random.Random(0))
    seen = []
    for _ in range(3):
        seen.append(int(dut.m_valid.value))
        await RisingEdge(dut.clk)
    assert seen == [0, 0, 1], "sampled at the edges that follow"
    await unit.send([item], 0.0, random.Random(0))  # one waits at the output, one behind it
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    for _ in range(4):
        await RisingEdge(dut.clk)
        assert not dut.m_valid.value
    await ClockCycles(dut.clk, 1)
    assert dut.s_ready.value
