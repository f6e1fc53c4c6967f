"""xb_wordlines against codesign.fixed.bit_planes."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from codesign.fixed import IntType, bit_planes, pack_fields
from tests.hdl.drive import plane_vector, start


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def loads_and_planes(dut: Any) -> None:
    """Random loads of some arrays into either bank; every plane of both banks after each."""
    arrays, rows, bits = (int(getattr(dut, n).value) for n in ("ARRAYS", "ROWS", "BITS"))
    kind = IntType(bits)
    await start(dut, "load_arrays", "load_bank", "load_data", "drive", "drive_bank", "drive_bit")
    assert int(dut.wordline.value) == 0, "nothing is driven, loaded or not"
    rng, coin = np.random.default_rng(1), random.Random(1)
    banks = np.zeros((2, arrays, rows), np.int64)
    known = np.zeros((2, arrays), bool)
    compared = 0
    for k in range(40):
        mask = (1 << arrays) - 1 if k < 2 else coin.getrandbits(arrays)
        bank = k % 2 if k < 2 else coin.getrandbits(1)
        values = rng.integers(0, 1 << bits, rows) if k % 5 else np.full(rows, kind.hi)
        await FallingEdge(dut.clk)
        dut.load_arrays.value, dut.load_bank.value = mask, bank
        dut.load_data.value = plane_vector(values, bits)
        for a in range(arrays):
            if mask >> a & 1:
                banks[bank, a], known[bank, a] = values, True
        await FallingEdge(dut.clk)  # one cycle
        dut.load_arrays.value = 0
        if not known.all():
            continue
        for drive in (0, 1):
            driven = coin.getrandbits(arrays)
            dut.drive.value, dut.drive_bank.value = driven, drive
            shown = [banks[drive, a] * (driven >> a & 1) for a in range(arrays)]
            planes = bit_planes(np.concatenate(shown), kind)
            for bit in range(bits):
                dut.drive_bit.value = bit
                await FallingEdge(dut.clk)
                assert int(dut.wordline.value) == pack_fields(planes[bits - 1 - bit], 1)
                compared += 1
    assert compared == 39 * 2 * bits
