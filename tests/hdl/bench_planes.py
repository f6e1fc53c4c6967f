"""xb_planes against codesign.fixed.bit_planes."""

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from codesign.fixed import pack_fields
from tests.hdl.drive import plane_vector


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def transposes(dut: Any) -> None:
    """Random bytes, and each bit alone; bits above BITS are dropped."""
    count, bits = int(dut.COUNT.value), int(dut.BITS.value)
    rng = np.random.default_rng(1)
    cases = [rng.integers(0, 256, count) for _ in range(50)]
    for u in range(count):
        for b in range(8):
            cases.append(np.where(np.arange(count) == u, 1 << b, 0))
    seen = set()
    for values in cases:
        dut.bytes.value = pack_fields(values, 8)
        await Timer(1, "ns")
        got = int(dut.planes.value)
        assert got == plane_vector(values & ((1 << bits) - 1), bits)
        seen.add(got)
    assert len(seen) >= count * bits
