"""xb_accumulate: biased sums plane by plane, which `correction` turns into signed accumulators."""

import os
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, ReadOnly

from codesign.chip.description import Chip
from codesign.fixed import Ints, IntType, pack_fields, plane_weights, unpack_fields
from codesign.mapping.plan import correction
from tests.hdl.drive import start

INPUTS = ("s_valid", "s_first", "s_negate", "s_buffer", "s_group", "s_sum")
READS = ("read", "read_buffer", "read_group", "read_array")


class Step:
    """Random codes of a step: every array is the top of a run of 1.. arrays."""

    def __init__(self, chip: Chip, rng: np.random.Generator, number: int) -> None:
        self.kind = IntType(int(rng.integers(1, chip.activation.bits + 1)), bool(number % 2))
        self.groups = int(rng.integers(1, chip.groups + 1)) if number else chip.groups
        self.runs = [int(rng.integers(1, a + 2)) for a in range(chip.arrays.count)]
        shape = (self.kind.bits, self.groups, chip.arrays.count, chip.adc.lanes)
        self.sums = np.zeros(shape, np.int64)  # of codes, signed
        for a, run in enumerate(self.runs):
            codes = rng.integers(chip.code.lo, chip.code.hi + 1, (run, *shape[:2], shape[3]))
            if number in (1, 2):
                codes[:] = (chip.code.lo, chip.code.hi)[number - 1]  # extremes of both kinds
            if number in (3, 4):
                codes[:] = (chip.code.hi, chip.code.lo)[number - 3]
            self.sums[:, :, a] = codes.sum(axis=0)
        middle = -chip.code.lo * np.array(self.runs)[:, None]
        self.biased = self.sums + middle

    def acc(self, group: int, array: int) -> list[int]:
        result: Ints = np.tensordot(plane_weights(self.kind), self.sums[:, group, array], axes=1)
        return result.tolist()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def two_buffers(dut: Any) -> None:
    """One buffer fills while every group and array of the other is read."""
    chip = Chip.model_validate_json(os.environ["CHIP"])
    field, arrays, lanes = chip.acc_bits + 1, chip.arrays.count, chip.adc.lanes
    assert len(dut.s_sum) == arrays * lanes * field
    await start(dut, *INPUTS, *READS)
    rng = np.random.default_rng(3)
    steps = [Step(chip, rng, k) for k in range(12)]
    compared = 0

    async def read(step: Step, buffer: int, group: int, array: int) -> None:
        nonlocal compared
        dut.read.value, dut.read_buffer.value, dut.read_group.value, dut.read_array.value = 1, buffer, group, array
        await FallingEdge(dut.clk)
        got = [
            v - correction(step.kind, step.runs[array], chip)
            for v in unpack_fields(int(dut.read_data.value), field, lanes)
        ]
        assert got == step.acc(group, array), f"{step.kind}, run of {step.runs[array]}"
        compared += lanes

    await FallingEdge(dut.clk)
    for k, step in enumerate(steps):
        buffer, other = k % 2, steps[k - 1]
        for p, plane in enumerate(step.biased):
            for g, values in enumerate(plane):
                dut.s_valid.value, dut.s_buffer.value, dut.s_group.value = 1, buffer, g
                dut.s_first.value = int(p == 0)
                dut.s_negate.value = int(p == 0 and step.kind.signed)
                dut.s_sum.value = pack_fields(values, field)
                if k:
                    await read(other, 1 - buffer, int(rng.integers(other.groups)), int(rng.integers(arrays)))
                else:
                    await FallingEdge(dut.clk)
                dut.s_valid.value = 0
                if rng.random() < 0.1:
                    await FallingEdge(dut.clk)
        for g in range(step.groups):
            for a in range(arrays):
                await read(step, buffer, g, a)
        dut.read.value = 0
        await ReadOnly()
        assert int(dut.read_data.value) == 0, "not read"
        await FallingEdge(dut.clk)
    planes = sum(s.kind.bits * s.groups for s in steps[1:])
    assert compared == lanes * (planes + arrays * sum(s.groups for s in steps))
