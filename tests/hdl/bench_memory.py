"""xb_memory: a few activations written, a word of them read, both at any address, against a flat array."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from tests.hdl.drive import plane_vector, start


class Memory:
    """Drives both ports, keeps every activation in a flat array, compares what is read."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.rng = dut, random.Random(3)
        self.count, self.word, self.bits, self.depth = (
            int(p.value) for p in (dut.COUNT, dut.WORD, dut.BITS, dut.DEPTH)
        )
        self.held = np.zeros(self.depth * self.word, np.int64)
        self.crossed: set[tuple[str, int]] = set()  # accesses that go from a word into the next, and its bank

    def crossing(self, what: str, address: int, count: int) -> None:
        if address % self.word + count > self.word:
            self.crossed.add((what, address // self.word % 2))

    def offer(self, address: int, values: list[int]) -> None:
        """Write in the next cycle; the lanes behind `values` carry what must not be written."""
        d, rest = self.dut, self.count - len(values)
        d.write.value, d.write_address.value, d.write_count.value = 1, address, len(values)
        d.write_data.value = plane_vector([*values, *self.random(rest)], self.bits)
        self.held[address : address + len(values)] = values
        self.crossing("write", address, len(values))

    def random(self, count: int) -> list[int]:
        return [self.rng.randrange(1 << self.bits) for _ in range(count)]

    def ask(self, address: int) -> tuple[int, int]:
        """Read in the next cycle. What must come, and the bits of it that have a meaning."""
        self.dut.read.value, self.dut.read_address.value = 1, address
        found, known = np.zeros(self.word, np.int64), np.zeros(self.word, np.int64)
        for a in range(address, min(address + self.word, len(self.held))):
            found[a % self.word], known[a % self.word] = self.held[a], (1 << self.bits) - 1
        self.crossing("read", address, self.word)
        return plane_vector(found, self.bits), plane_vector(known, self.bits)

    async def cycle(self) -> None:
        await ClockCycles(self.dut.clk, 1)
        self.dut.write.value = self.dut.read.value = 0

    async def compare(self, want: int, known: int, address: int) -> None:
        """One cycle later, and kept while nobody reads."""
        self.dut.read_address.value = self.rng.randrange(len(self.held))
        for _ in range(2):
            await RisingEdge(self.dut.clk)
            got = "".join(
                bit if k == "1" else "0"
                for bit, k in zip(str(self.dut.read_data.value), f"{known:0{self.word * self.bits}b}", strict=True)
            )
            assert got == f"{want:0{self.word * self.bits}b}", f"from activation {address} on"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def any_address(dut: Any) -> None:
    await start(dut, "write", "write_address", "write_count", "write_data", "read", "read_address")
    memory = Memory(dut)
    rng, size, top = memory.rng, memory.depth * memory.word, (1 << memory.bits) - 1
    for at in range(0, size, memory.count):  # every bit set first, so that stale bits show
        memory.offer(at, [top] * min(memory.count, size - at))
        await memory.cycle()
    beside = 0
    for _ in range(300):
        count = rng.randint(1, min(memory.count, size))
        memory.offer(rng.randint(0, size - count), memory.random(count))
        await memory.cycle()
        address = rng.randrange(size)
        want = memory.ask(address)
        if rng.random() < 0.5:  # another place is written in the cycle of a read
            count = rng.randint(1, min(memory.count, size))
            at = rng.randint(0, size - count)
            if at + count <= address or address + memory.word <= at:
                memory.offer(at, memory.random(count))
                beside += 1
        await memory.cycle()
        await memory.compare(*want, address)
    ways = {(what, bank) for what in ("write", "read") for bank in (0, 1) if bank < memory.depth - 1 or what == "read"}
    assert memory.crossed >= {w for w in ways if w[0] == "read" or memory.count > 1}, "a crossing never happened"
    assert beside or memory.depth == 2
    for address in range(size):  # all of it, from every address
        want = memory.ask(address)
        await memory.cycle()
        await memory.compare(*want, address)
