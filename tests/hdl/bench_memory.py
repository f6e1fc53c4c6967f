"""xb_memory: units in, words out as codesign.fixed.bit_planes has them."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from tests.hdl.drive import plane_vector, start


class Memory:
    """Writes units, keeps the activations of each word, compares words read."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.unit, self.units, self.bits, self.depth = (
            int(p.value) for p in (dut.UNIT, dut.UNITS, dut.BITS, dut.DEPTH)
        )
        self.words = np.zeros((self.depth, self.units * self.unit), np.int64)
        self.compared = 0

    def offer(self, word: int, unit: int, values: list[int]) -> None:
        """Write in the next cycle; unit 0 clears the rest of its word."""
        d = self.dut
        d.write.value, d.write_address.value, d.write_unit.value = 1, word, unit
        d.write_data.value = plane_vector(values, self.bits)
        if unit == 0:
            self.words[word] = 0
        self.words[word, unit * self.unit : (unit + 1) * self.unit] = values

    async def compare(self, word: int) -> None:
        self.dut.read.value, self.dut.read_address.value = 1, word
        want = plane_vector(self.words[word], self.bits)
        await ClockCycles(self.dut.clk, 1)
        self.dut.write.value = self.dut.read.value = 0
        self.dut.read_address.value = (word + 1) % self.depth
        for _ in range(2):  # one cycle later, and kept while nobody reads
            await RisingEdge(self.dut.clk)
            assert int(self.dut.read_data.value) == want, f"word {word}"
        self.compared += 1


@cocotb.test(timeout_time=200, timeout_unit="us")
async def units_and_words(dut: Any) -> None:
    await start(dut, "write", "write_address", "write_unit", "write_data", "read", "read_address")
    memory, rng = Memory(dut), random.Random(3)
    top = (1 << memory.bits) - 1

    def values() -> list[int]:
        return [rng.randint(0, top) for _ in range(memory.unit)]

    for fill in (lambda: [top] * memory.unit, values):  # every bit set first, so that stale bits show
        for word in range(memory.depth):
            for unit in range(memory.units):
                memory.offer(word, unit, fill())
                await ClockCycles(dut.clk, 1)
            await memory.compare(word)
    for word in range(memory.depth):  # filled in part: the rest reads 0
        for unit in range(rng.randint(1, memory.units)):
            memory.offer(word, unit, values())
            await ClockCycles(dut.clk, 1)
        await memory.compare(word)
    for n in range(30):  # another word is written in the cycle of a read
        await memory.compare(n % memory.depth)
        memory.offer((n + 1) % memory.depth, rng.randrange(memory.units), values())
        if memory.depth > 1:
            await memory.compare(n % memory.depth)
        await ClockCycles(dut.clk, 1)
    assert memory.compared == 3 * memory.depth + 30 * (2 if memory.depth > 1 else 1)
