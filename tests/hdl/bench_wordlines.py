"""xb_wordlines against codesign.fixed.bit_planes: loads of some wordlines, and what they clear."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from codesign.fixed import Ints, IntType, bit_planes, pack_fields
from tests.hdl.drive import plane_vector, start


class Banks:
    """Drives loads and keeps what every array must hold in both banks."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.arrays, self.rows, self.bits = (int(getattr(dut, n).value) for n in ("ARRAYS", "ROWS", "BITS"))
        self.lines = int(dut.LINES.value)
        self.held = np.zeros((2, self.arrays, self.rows), np.int64)
        self.known = np.zeros((2, self.arrays), bool)
        self.touched = np.zeros(self.arrays, bool)
        self.cleared = self.kept = self.compared = 0  # wordlines; planes

    async def load(self, arrays: int, bank: int, first: int, values: Ints, ends: bool) -> None:
        """In one cycle: a run onto wordlines first.. of the arrays whose bit is set."""
        d, run = self.dut, slice(first, first + len(values))
        lines, data = np.zeros(self.rows, np.int64), np.zeros(self.lines, np.int64)
        lines[run], data[run] = 1, values
        d.load_arrays.value, d.load_bank.value, d.load_ends.value = arrays, bank, int(ends)
        d.load_lines.value, d.load_data.value = pack_fields(lines, 1), plane_vector(data, self.bits)
        await FallingEdge(d.clk)
        d.load_arrays.value, d.load_ends.value = 0, 0
        for a in range(self.arrays):
            if arrays >> a & 1:
                others = int(np.count_nonzero(self.held[bank, a][lines == 0]))
                if self.touched[a]:
                    self.kept += others
                else:
                    self.cleared += others
                    self.held[bank, a] = 0
                self.held[bank, a][run] = values
                self.known[bank, a] = self.touched[a] = True
        if ends:
            self.touched[:] = False

    async def end(self) -> None:
        """In a cycle without a load."""
        self.dut.load_ends.value = 1
        await FallingEdge(self.dut.clk)
        self.dut.load_ends.value = 0
        self.touched[:] = False

    async def compare(self, driven: int, bank: int) -> None:
        """Every plane of the arrays whose bit is set."""
        d = self.dut
        driven &= sum(1 << a for a in range(self.arrays) if self.known[bank, a])
        d.drive.value, d.drive_bank.value = driven, bank
        shown = [self.held[bank, a] * (driven >> a & 1) for a in range(self.arrays)]
        planes = bit_planes(np.concatenate(shown), IntType(self.bits))
        for bit in range(self.bits):
            d.drive_bit.value = bit
            await FallingEdge(d.clk)
            assert int(d.wordline.value) == pack_fields(planes[self.bits - 1 - bit], 1), f"bank {bank}, bit {bit}"
            self.compared += 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def loads_and_planes(dut: Any) -> None:
    """Steps of random loads, bank after bank; every plane of both banks after each load. Reset in mid-step."""
    names = ("load_arrays", "load_bank", "load_ends", "load_lines", "load_data", "drive", "drive_bank", "drive_bit")
    await start(dut, *names)
    assert int(dut.wordline.value) == 0, "nothing is driven, loaded or not"
    banks, rng, coin = Banks(dut), np.random.default_rng(1), random.Random(1)
    every = (1 << banks.arrays) - 1
    await FallingEdge(dut.clk)
    for step in range(20):
        loads = coin.randint(1, 4)
        for k in range(loads):
            mask = every if step < 2 else coin.getrandbits(banks.arrays) or 1
            first = coin.randrange(banks.rows) if step > 1 else 0
            count = coin.randint(1, banks.rows - first) if step > 1 else banks.rows
            values = rng.integers(0, 1 << banks.bits, count) if step % 5 else np.full(count, (1 << banks.bits) - 1)
            last, apart = k == loads - 1, bool(step % 3)
            await banks.load(mask, step % 2, first, values, ends=last and not apart)
            if last and apart:
                await banks.end()
            for bank in (0, 1):
                await banks.compare(coin.getrandbits(banks.arrays) | 1, bank)
        if step == 10:  # the next load is the first of its array
            await banks.load(every, 1, 0, np.ones(1, np.int64), ends=False)
            dut.rst.value = 1
            await FallingEdge(dut.clk)
            dut.rst.value = 0
            banks.touched[:] = False
    assert banks.cleared and banks.kept, "loads that clear other wordlines, and loads that leave them"
    assert banks.compared >= 40 * banks.bits
