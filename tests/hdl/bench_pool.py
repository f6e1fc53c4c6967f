"""xb_pool: windows of random instances against the plain maximum, between steps that do not pool."""

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, Timer

from tests.hdl.drive import plane_vector, start

INPUTS = ("s_valid", "s_first", "s_last", "s_signed", "s_end", "s_data")
FLAGS = INPUTS[1:5]


@dataclass
class Seen:
    """What happened."""

    groups: int = 0  # column groups that came
    kept: int = 0  # lanes in which an earlier value was the larger one
    beaten: int = 0  # or the new one
    misleading: int = 0  # lanes whose bits compare the other way without their sign
    most: int = 0  # column groups of an instance
    windows: set[int] = field(default_factory=set)  # instances of a window


class Bench:
    """Sends column groups, and compares each with the model's."""

    def __init__(self, dut: Any, rng: random.Random, pause: float) -> None:
        self.dut, self.rng, self.pause, self.seen = dut, rng, pause, Seen()
        self.pools, self.lanes, self.bits = (int(getattr(dut, n).value) for n in ("POOLS", "LANES", "BITS"))

    async def send(self, values: np.ndarray, flags: tuple[bool, ...], want: np.ndarray | None) -> None:
        """A column group after a random pause. want: what goes to the memory, if anything."""
        d, rng = self.dut, self.rng
        while rng.random() < self.pause:
            d.s_valid.value, d.s_data.value = 0, rng.getrandbits(self.lanes * self.bits)
            for name in FLAGS:
                getattr(d, name).value = rng.getrandbits(1)
            await Timer(1, "ns")
            assert not d.m_valid.value
            await FallingEdge(d.clk)
        d.s_valid.value, d.s_data.value = 1, plane_vector(values % (1 << self.bits), self.bits)
        for name, value in zip(FLAGS, flags, strict=True):
            getattr(d, name).value = int(value)
        await Timer(1, "ns")
        assert bool(d.m_valid.value) == (want is not None), flags
        if want is not None:
            assert int(d.m_data.value) == plane_vector(want % (1 << self.bits), self.bits), flags
        self.seen.groups += 1
        await FallingEdge(d.clk)
        d.s_valid.value = 0

    def draw(self, signed: bool) -> np.ndarray:
        low = -(1 << self.bits - 1) if signed else 0
        return np.array([self.rng.randrange(low, low + (1 << self.bits)) for _ in range(self.lanes)])

    async def window(self, instances: int, groups: int, signed: bool, stop: int | None = None) -> None:
        """A pooling window; its first `stop` column groups, if given."""
        largest = [np.full(self.lanes, -(1 << self.bits))] * groups
        for n in range(instances):
            for k in range(groups):
                if stop is not None and n * groups + k == stop:
                    return
                values, earlier = self.draw(signed), largest[k]
                largest[k] = np.maximum(earlier, values)
                last = n == instances - 1
                if n:
                    self.seen.kept += int((earlier > values).sum())
                    self.seen.beaten += int((earlier < values).sum())
                    bits = 1 << self.bits
                    self.seen.misleading += int(((earlier > values) != (earlier % bits > values % bits)).sum())
                await self.send(values, (n == 0, last, signed, k == groups - 1), largest[k] if last else None)
        self.seen.most = max(self.seen.most, groups)
        self.seen.windows.add(instances)

    async def plain(self, groups: int) -> None:
        """An instance of a step without a window; every place of its walk is first and last."""
        for k in range(groups):
            values = self.draw(False)
            await self.send(values, (True, True, bool(self.rng.getrandbits(1)), k == groups - 1), values)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def largest_of_windows(dut: Any, pause: float) -> None:
    await start(dut, *INPUTS)
    await FallingEdge(dut.clk)
    bench = Bench(dut, random.Random(17), pause)
    rng, seen = bench.rng, bench.seen
    for n in range(80):
        groups = bench.pools if n % 8 == 0 else rng.randint(1, bench.pools)
        if rng.random() < 0.3:
            await bench.plain(rng.randint(1, 2 * bench.pools))  # these are not kept
        await bench.window(rng.choice((1, 2, 4, 9)), min(groups, 12) if n else groups, bool(rng.getrandbits(1)))
    assert min(seen.kept, seen.beaten, seen.misleading) > 40
    assert seen.most == bench.pools and seen.windows == {1, 2, 4, 9}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_starts_over(dut: Any) -> None:
    """From inside an instance: its next column group is number 0 again."""
    await start(dut, *INPUTS)
    await FallingEdge(dut.clk)
    bench = Bench(dut, random.Random(18), 0.2)
    for stop in range(2 * bench.pools):
        await bench.window(3, bench.pools, True, stop)
        dut.rst.value = 1
        await FallingEdge(dut.clk)
        dut.rst.value = 0
    await bench.window(3, bench.pools, True)
