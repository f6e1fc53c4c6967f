"""xb_walk: place after place of random loop nests, with pauses, and round again."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import pack_fields
from tests.hdl.drive import start
from tests.hdl.nests import Nest, random_nest

INPUTS = ("counts", "deltas", "base", "window", "advance")
MOST = 80  # places
ROUNDS = 2  # times through a nest


def present(dut: Any, nest: Nest, base: list[int], bits: int) -> None:
    dut.counts.value = pack_fields([count - 1 for count in nest.counts], 16)
    dut.deltas.value = pack_fields([value for delta in nest.increments() for value in delta], bits)
    dut.base.value, dut.window.value = pack_fields(base, bits), nest.window


async def walk(dut: Any, nest: Nest, base: list[int], pause: float, rng: random.Random, places: int) -> int:
    """Go through the first `places` places of `nest`. Returns those that lie outside the numbers of BITS bits."""
    bits, outside = int(dut.BITS.value), 0
    present(dut, nest, base, bits)
    windows = nest.windows()
    for number, moved in enumerate(nest.places()[:places]):
        place = [b + m for b, m in zip(base, moved, strict=True)]
        outside += any(not 0 <= value < 1 << bits for value in place)
        while True:
            dut.advance.value = goes = int(rng.random() >= pause)
            await Timer(1, "ns")
            assert int(dut.place.value) == pack_fields(place, bits), f"place {number} of {nest}"
            assert (bool(dut.first.value), bool(dut.last.value)) == (number == 0, number == nest.instances - 1)
            assert (bool(dut.window_first.value), bool(dut.window_last.value)) == windows[number]
            await FallingEdge(dut.clk)
            if goes:
                break
    dut.advance.value = 0
    return outside


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.6])
async def places_in_order(dut: Any, pause: float) -> None:
    await start(dut, *INPUTS)
    await FallingEdge(dut.clk)
    bits, values = int(dut.BITS.value), int(dut.VALUES.value)
    rng, seen, outside = random.Random(14), set(), 0
    for _ in range(16):
        nest = random_nest(rng, MOST, ((1 << bits) // 3,) * values)
        seen.add((nest.window, sum(count > 1 for count in nest.counts)))
        for _ in range(ROUNDS):
            base = [rng.randrange(1 << bits) for _ in range(values)]
            outside += await walk(dut, nest, base, pause, rng, MOST)
    assert {window for window, _ in seen} == {0, 1, 2, 3} and {loops for _, loops in seen} >= {2, 3, 4}
    assert outside > 100, "no place ever wrapped around"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def many_turns(dut: Any) -> None:
    """Loops of more turns than a byte counts, alone at each level."""
    await start(dut, *INPUTS)
    await FallingEdge(dut.clk)
    bits, values = int(dut.BITS.value), int(dut.VALUES.value)
    rng = random.Random(15)
    for level in range(4):
        counts = tuple(300 if k == level else 1 for k in range(4))
        nest = Nest(counts, tuple((rng.randrange(1 << bits),) * values for _ in range(4)), level % 4)
        await walk(dut, nest, [0] * values, 0.0, rng, 300)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    """From inside a nest, whatever loop has moved."""
    await start(dut, *INPUTS)
    await FallingEdge(dut.clk)
    values, rng = int(dut.VALUES.value), random.Random(16)
    nest = Nest((2, 2, 2, 2), tuple((stride,) * values for stride in (1, 3, 9, 27)), 2)
    for places in range(1, 16):
        await walk(dut, nest, [5] * values, 0.2, rng, places)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
    await walk(dut, nest, [5] * values, 0.2, rng, 16)
