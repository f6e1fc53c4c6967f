"""xb_sums: codes of runs of arrays to accumulators, and blocks of idle arrays that stand still."""

import os
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from codesign.chip.description import Chip
from codesign.fixed import Ints, IntType, pack_fields, plane_weights, unpack_fields
from codesign.mapping.plan import correction
from tests.hdl.drive import start

INPUTS = ("s_valid", "s_first", "s_negate", "s_final", "s_buffer", "s_group", "s_enable", "s_link", "s_code")
READS = ("release_buffer", "read_buffer", "read_group", "read_array")


class Step:
    """Random codes of a step in which some arrays convert, in runs of random length."""

    def __init__(self, chip: Chip, rng: np.random.Generator, number: int) -> None:
        count = chip.arrays.count
        self.kind = IntType(int(rng.integers(1, chip.activation.bits + 1)), bool(number % 2))
        self.groups = int(rng.integers(1, chip.groups + 1)) if number else chip.groups
        self.enable = rng.random(count) < (rng.choice([0.1, 0.5, 0.9, 1.0]) if number else 0.5)
        if number == 0:
            self.enable[: count // 2 + 1] = False
        self.link = rng.random(count) < rng.choice([0.3, 0.9, 1.0])
        if number in (1, 2):  # one run through all arrays, then single ones; at first only some blocks have ever moved
            self.enable[:] = True
            self.link[:] = number == 1
        self.enable[int(rng.integers(count))] = True
        self.link[0] = False
        starts = np.maximum.accumulate(np.where(self.link, 0, np.arange(count)))
        enabled = self.enable.astype(np.int64)
        self.runs = (enabled.cumsum() - (enabled.cumsum() - enabled)[starts]).tolist()  # that convert, up to this one
        shape = (self.kind.bits, self.groups, count, chip.adc.lanes)
        self.codes = rng.integers(chip.code.lo, chip.code.hi + 1, shape)
        if number in (1, 3):
            self.codes[:] = chip.code.hi if number == 1 else chip.code.lo  # extremes
        used = self.codes * enabled[:, None]
        self.sums: Ints = used.cumsum(axis=2) - (used.cumsum(axis=2) - used)[:, :, starts]

    def acc(self, group: int, array: int) -> list[int]:
        result: Ints = np.tensordot(plane_weights(self.kind), self.sums[:, group, array], axes=1)
        return result.tolist()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def steps_in_two_buffers(dut: Any) -> None:
    """Planes with gaps, step after step; ready_* and every accumulator, while the other buffer fills."""
    chip = Chip.model_validate_json(os.environ["CHIP"])
    field, arrays, lanes, stages = chip.acc_bits + 1, chip.arrays.count, chip.adc.lanes, int(dut.STAGES.value)
    block = 4 ** int(dut.BLOCK_LOG4.value)
    blocks = -(-arrays // block)
    await start(dut, *INPUTS, *READS)
    rng = np.random.default_rng(4)
    ready = (dut.ready_0, dut.ready_1)
    want = [0, 0]  # complete column groups of each buffer
    ahead: list[tuple[int, int] | None] = [None] * (stages + 1)  # what ready_* takes then
    moved, compared = np.zeros(blocks, int), 0

    async def cycle(complete: tuple[int, int] | None = None) -> None:
        ahead.append(complete)
        await FallingEdge(dut.clk)
        for b in range(blocks):
            moved[b] += int(dut.g_block[b].u_block.moves.value)
        if (found := ahead[-stages - 1]) is not None:
            want[found[0]] = found[1]
        assert [int(r.value) for r in ready] == want

    await FallingEdge(dut.clk)
    for k in range(10):
        step, buffer = Step(chip, rng, k), k % 2
        dut.s_enable.value, dut.s_link.value = pack_fields(step.enable, 1), pack_fields(step.link, 1)
        moved[:] = 0
        for p, plane in enumerate(step.codes):
            for g, codes in enumerate(plane):
                final = p == step.kind.bits - 1
                dut.s_valid.value, dut.s_buffer.value, dut.s_group.value = 1, buffer, g
                dut.s_first.value, dut.s_final.value = int(p == 0), int(final)
                dut.s_negate.value = int(p == 0 and step.kind.signed)
                dut.s_code.value = pack_fields(codes - chip.code.lo, chip.adc.bits)
                await cycle((buffer, g + 1) if final else None)
                dut.s_valid.value = 0
                if rng.random() < 0.1:
                    await cycle()
        for _ in range(stages):
            await cycle()
        busy = [bool((step.enable | step.link)[b * block : (b + 1) * block].any()) for b in range(blocks)]
        planes = step.kind.bits * step.groups
        assert moved.tolist() == [planes * x for x in busy], "a block that has nothing to do moves"
        for g in range(step.groups):
            for a in np.flatnonzero(step.enable).tolist():
                dut.read_buffer.value, dut.read_group.value, dut.read_array.value = buffer, g, a
                await cycle()
                got = unpack_fields(int(dut.read_data.value), field, lanes)
                less = correction(step.kind, step.runs[a], chip)
                assert [v - less for v in got] == step.acc(g, a), f"array {a}, {step.runs[a]} of its run convert"
                compared += lanes
        if k:
            dut.release_buffer.value, dut.read_buffer.value = 1, 1 - buffer
            want[1 - buffer] = 0
            await cycle()
            dut.release_buffer.value = 0
    assert compared >= 10 * lanes
    dut.rst.value = 1
    want[:] = [0, 0]
    await cycle()
