"""xb_reduce and xb_scan: sums over linked runs of arrays, against numpy."""

import os
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from codesign.fixed import Ints, pack_fields, unpack_fields
from tests.hdl.drive import start


def parameters(dut: Any) -> tuple[int, ...]:
    return tuple(int(getattr(dut, n).value) for n in ("ARRAYS", "LANES", "FIELD", "STAGES"))


def runs(rng: np.random.Generator, arrays: int, share: float) -> Ints:
    """Links of random runs; array 0 has no neighbour below."""
    links = (rng.random(arrays) < share).astype(np.int64)
    links[0] = 0
    return links


def sums(values: Ints, links: Ints) -> Ints:
    """(arrays, lanes): the sum from the start of each array's run up to it."""
    total = values.cumsum(axis=0)
    starts = np.maximum.accumulate(np.where(links == 0, np.arange(len(links)), 0))
    return total - total[starts] + values[starts]


def cases(arrays: int) -> list[tuple[float, float]]:
    """(share of links, share of enabled arrays) of each set of codes."""
    corners = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]
    return corners + [(s, e) for s in (0.3, 0.6, 0.9, 1.0) for e in (1.0, 0.7)] * 4


@cocotb.test(timeout_time=100, timeout_unit="us")
async def back_to_back(dut: Any) -> None:
    """A set a cycle with gaps; each leaves STAGES cycles later."""
    arrays, lanes, field, stages = parameters(dut)
    reduce = hasattr(dut, "s_code")
    bits = int(dut.ADC_BITS.value) if reduce else int(os.environ["VALUE_BITS"])
    names = ("s_code", "s_enable") if reduce else ("s_sum",)
    await start(dut, "s_valid", "s_link", *names)
    rng = np.random.default_rng(2)
    expected: list[Ints | None] = [None] * stages
    compared = 0
    steps = [*cases(arrays), *[None] * stages]
    await FallingEdge(dut.clk)
    for k, case in enumerate(steps):
        if case is None or rng.random() < 0.2:
            dut.s_valid.value = 0
            dut.s_link.value = int(rng.integers(0, 1 << min(arrays, 30)))
            expected.append(None)
            if case is not None:
                steps.insert(k + 1, case)
        else:
            links, enabled = runs(rng, arrays, case[0]), (rng.random(arrays) < case[1]).astype(np.int64)
            values = rng.integers(0, 1 << bits, (arrays, lanes))
            if k in (1, 2):
                values[:] = (1 << bits) - 1  # the largest sum
            dut.s_valid.value, dut.s_link.value = 1, pack_fields(links, 1)
            if reduce:
                dut.s_code.value, dut.s_enable.value = pack_fields(values, bits), pack_fields(enabled, 1)
                values = values * enabled[:, None]
            else:
                dut.s_sum.value = pack_fields(values, field)
            expected.append(sums(values, links))
        await FallingEdge(dut.clk)
        want = expected[len(expected) - stages]
        assert bool(dut.m_valid.value) == (want is not None), "latency"
        if want is not None:
            got = unpack_fields(int(dut.m_sum.value), field, arrays * lanes)
            assert got == want.ravel().tolist()
            compared += len(got)
    assert compared == len(cases(arrays)) * arrays * lanes


@cocotb.test(timeout_time=10, timeout_unit="us")
async def reset_drops_what_is_on_its_way(dut: Any) -> None:
    _, _, _, stages = parameters(dut)
    names = ("s_code", "s_enable") if hasattr(dut, "s_code") else ("s_sum",)
    await start(dut, "s_valid", "s_link", *names)
    await FallingEdge(dut.clk)
    dut.s_valid.value = 1
    for _ in range(stages + 1):
        await FallingEdge(dut.clk)
    assert dut.m_valid.value
    dut.s_valid.value, dut.rst.value = 0, 1
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    for _ in range(stages + 1):
        assert not dut.m_valid.value
        await FallingEdge(dut.clk)
