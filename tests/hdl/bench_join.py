"""xb_join: sums held for a while, and what runs from the block below bring."""

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, Timer

from codesign.fixed import pack_fields, unpack_fields
from tests.hdl.drive import start


@cocotb.test(timeout_time=100, timeout_unit="us")
async def runs_come_in(dut: Any) -> None:
    """Sets with gaps. The arrays of the run from below get the carry, and no other; all at their time."""
    names = ("ARRAYS", "LANES", "FIELD", "LOCAL", "ACROSS")
    arrays, lanes, field, local, across = (int(getattr(dut, n).value) for n in names)
    highest = 1 << (field - 2)  # so that no sum of two reaches a field's top bit
    await start(dut, "s_valid", "s_link", "own", "carry")
    rng = np.random.default_rng(1)
    nothing: list[Any] = [None] * (local + across)
    sets = list(nothing)  # links, sums and carry of the set of each cycle
    joined = left = 0
    for k in range(120):
        await FallingEdge(dut.clk)
        # What was offered LOCAL cycles ago is reduced now, and its carry is known ACROSS cycles later.
        reduced, late = sets[-local], sets[-local - across]
        dut.own.value = pack_fields(reduced[1] if reduced else rng.integers(0, highest, (arrays, lanes)), field)
        dut.carry.value = pack_fields(late[2] if late else rng.integers(0, highest, lanes), field)
        links = (rng.random(arrays) < rng.choice([0.0, 0.7, 1.0])).astype(np.int64)
        new = (links, rng.integers(0, highest, (arrays, lanes)), rng.integers(0, highest, lanes))
        sets.append(new if k < 100 and rng.random() < 0.8 else None)
        dut.s_valid.value, dut.s_link.value = int(sets[-1] is not None), pack_fields(links, 1)
        await Timer(1, "ns")
        assert bool(dut.enters.value) == bool(reduced and reduced[0][0])
        assert bool(dut.passes.value) == bool(reduced and reduced[0].all())
        highest_sum = reduced[1][-1].tolist() if reduced else [0] * lanes
        assert unpack_fields(int(dut.highest.value), field, lanes) == highest_sum
        assert bool(dut.m_valid.value) == (late is not None), "latency"
        if late:
            run = np.cumprod(late[0])[:, None]
            want = late[1] + run * late[2]
            assert unpack_fields(int(dut.m_sum.value), field, arrays * lanes) == want.ravel().tolist()
            joined, left = joined + int(run.sum()), left + int((1 - run).sum())
    assert joined > arrays and left > arrays and sets[-len(nothing) :] == nothing


@cocotb.test(timeout_time=10, timeout_unit="us")
async def reset_drops_what_is_on_its_way(dut: Any) -> None:
    stages = int(dut.LOCAL.value) + int(dut.ACROSS.value)
    await start(dut, "s_valid", "s_link", "own", "carry")
    await FallingEdge(dut.clk)
    dut.s_valid.value = dut.s_link.value = 1
    for _ in range(stages):
        await FallingEdge(dut.clk)
    assert dut.m_valid.value and dut.enters.value
    dut.s_valid.value, dut.rst.value = 0, 1
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    for _ in range(stages + 1):
        assert not dut.m_valid.value and not dut.enters.value and not dut.passes.value
        await FallingEdge(dut.clk)
