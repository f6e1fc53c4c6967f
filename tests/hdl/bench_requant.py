"""xb_requant against codesign.fixed.requantize."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.fixed import BIAS_BITS, INT32, MAX_SHIFT, MULT_BITS, Ints, IntType, pack_fields, requantize
from tests.hdl.drive import plane_vector, start

INPUTS = ("s_valid", "s_acc", "s_constants", "s_shift", "s_lo", "s_hi", "s_raw", "s_columns", "s_tag", "m_ready")


@dataclass
class Group:
    """What enters in one cycle."""

    acc: Ints
    mult: Ints
    bias: Ints
    shift: int
    out: IntType
    columns: int
    tag: int

    @property
    def raw(self) -> bool:
        return self.out == INT32

    def expected(self, bits: int) -> int:
        """m_words of a raw group, m_planes of another."""
        if self.raw:
            wide = requantize(self.acc, self.mult, self.bias, self.shift, IntType(48, True))
            return pack_fields(wide, 32)
        values = requantize(self.acc, self.mult, self.bias, self.shift, self.out)
        values[self.columns :] = 0
        return plane_vector(values, bits)


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
            yield Group(acc, mult, bias, shift, out, columns, int(rng.integers(tags)))
    for _ in range(100):
        out = outs[rng.integers(len(outs))]
        acc = rng.integers(acc_kind.lo, acc_kind.hi + 1, lanes)
        shift = int(rng.integers(MAX_SHIFT + 1))
        scale = max(1, min(mult_kind.hi, (1 << (shift + out.bits)) >> (field - 1)))
        mult = rng.integers(-scale, scale + 1, lanes)
        yield Group(acc, mult, rng.integers(-(1 << 20), 1 << 20, lanes), shift, out, lanes, int(rng.integers(tags)))


class Unit:
    """Driver and monitor."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.cycle = dut, 0
        self.lanes, self.field, self.bits = (int(getattr(dut, n).value) for n in ("LANES", "FIELD", "BITS"))
        self.taken: list[int] = []
        self.left: list[int] = []

    async def send(self, items: list[Group], gaps: float, rng: random.Random) -> None:
        d = self.dut
        for g in items:
            while rng.random() < gaps:
                d.s_valid.value = 0
                await RisingEdge(d.clk)
            both = [(int(b) & 0xFFFFFFFF) << 16 | int(m) & 0xFFFF for b, m in zip(g.bias, g.mult, strict=True)]
            d.s_acc.value, d.s_constants.value = pack_fields(g.acc, self.field), pack_fields(both, 48)
            d.s_shift.value, d.s_raw.value, d.s_columns.value, d.s_tag.value = g.shift, int(g.raw), g.columns, g.tag
            lo, hi = (0, 0) if g.raw else (g.out.lo, g.out.hi)
            d.s_lo.value, d.s_hi.value = lo & 0xFFFF, hi & 0xFFFF
            d.s_valid.value = 1
            await RisingEdge(d.clk)
            while not d.s_ready.value:
                await RisingEdge(d.clk)
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
    sender = cocotb.start_soon(unit.send(items, gaps, random.Random(1)))
    compared = await unit.receive(items, pause, random.Random(2))
    await sender
    assert compared == len(items) * unit.lanes > 500
    if not gaps and not pause:
        assert unit.left[-1] - unit.left[0] == len(items) - 1, "a group a cycle"
    if not pause:
        assert len({out - into for into, out in zip(unit.taken, unit.left, strict=True)}) == 1, "the same latency"


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
