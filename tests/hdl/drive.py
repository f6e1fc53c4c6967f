"""What several benches share: bit-plane vectors, stream names, a clock that idles from the start."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from numpy.typing import ArrayLike

from codesign.fixed import IntType, bit_planes, pack_fields


def plane_vector(values: ArrayLike, bits: int) -> int:
    """Activations as the chip keeps them: bit b of value u at [b*count + u]."""
    return pack_fields(bit_planes(np.asarray(values), IntType(bits))[::-1], 1)


def axis(dut: Any, *sides: str) -> SimpleNamespace:
    """The streams `s` and `m` of a module under the names that codesign.sim.streams looks for."""
    signals = {}
    for side in sides:
        for name in ("valid", "ready", "data", "keep", "last"):
            if hasattr(dut, f"{side}_{name}"):
                signals[f"{side}_axis_t{name}"] = getattr(dut, f"{side}_{name}")
    return SimpleNamespace(clk=dut.clk, **signals)


async def start(dut: Any, *inputs: str) -> None:
    """Start the clock with `inputs` at 0 and, where there is a reset, hold it for two cycles."""
    for name in inputs:
        getattr(dut, name).value = 0
    if hasattr(dut, "rst"):
        dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns", impl="gpi").start()
    await ClockCycles(dut.clk, 2)
    if hasattr(dut, "rst"):
        dut.rst.value = 0
    await ClockCycles(dut.clk, 1)
