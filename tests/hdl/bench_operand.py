"""xb_operand: lane groups leave in the order in which they came, as soon as they may."""

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

from codesign.fixed import pack_fields
from tests.hdl.drive import start

INPUTS = ("s_valid", "s_data", "m_ready")


async def run(dut: Any, cycles: int, come: float, go: float, rng: random.Random) -> tuple[int, int]:
    """`come`, `go`: how often one comes, and the head is taken. Returns how many left, and the most that waited."""
    depth, lanes, lines, bits = (int(getattr(dut, n).value) for n in ("DEPTH", "LANES", "LINES", "BITS"))
    waiting: deque[list[int]] = deque()  # the lanes of each
    most = left = 0
    for _ in range(cycles):
        await FallingEdge(dut.clk)
        assert bool(dut.m_valid.value) == bool(waiting)
        if waiting:
            assert int(dut.m_data.value) == pack_fields(waiting[0], bits)
        comes, takes = len(waiting) < depth and rng.random() < come, rng.random() < go
        planes = [rng.getrandbits(lines) for _ in range(bits)]
        dut.s_valid.value, dut.s_data.value, dut.m_ready.value = int(comes), pack_fields(planes, lines), int(takes)
        if takes and waiting:
            waiting.popleft()
            left += 1
        if comes:
            waiting.append([sum((plane >> lane & 1) << b for b, plane in enumerate(planes)) for lane in range(lanes)])
        most = max(most, len(waiting))
    return left, most


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def first_in_first_out(dut: Any) -> None:
    await start(dut, *INPUTS)
    depth = int(dut.DEPTH.value)
    for come, go in ((0.5, 0.5), (0.9, 0.4), (0.3, 0.9), (1.0, 1.0)):
        left, most = await run(dut, 40 * depth, come, go, random.Random(21))
        assert left > 8 * depth, "the indices went around several times"
        assert most == depth or come <= go, "all places were in use"
        dut.rst.value, dut.s_valid.value = 1, 0  # what waits is lost
        await FallingEdge(dut.clk)
        dut.rst.value = 0
