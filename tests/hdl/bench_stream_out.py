"""xb_stream_out: column groups in, single words out."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from codesign.fixed import pack_fields
from codesign.sim.streams import Sink
from tests.hdl.drive import axis, start

Group = tuple[list[int], int, bool]  # a word per lane, columns left in the tile, last of the image


def groups_of(lanes: int, image_words: list[int], rng: random.Random) -> list[Group]:
    """Groups for images of these word counts: full ones, then what is left."""
    result: list[Group] = []
    for count in image_words:
        for left in range(count, 0, -lanes):
            result.append(([rng.getrandbits(32) for _ in range(lanes)], left, left <= lanes))
    return result


async def feed(dut: Any, groups: list[Group], gaps: float, rng: random.Random) -> None:
    for words, columns, last in groups:
        while gaps and rng.random() < gaps:
            dut.s_valid.value = 0
            await RisingEdge(dut.clk)
        dut.s_valid.value = 1
        dut.s_words.value, dut.s_columns.value, dut.s_last.value = pack_fields(words, 32), columns, last
        await RisingEdge(dut.clk)
        while not dut.s_ready.value:
            await RisingEdge(dut.clk)
    dut.s_valid.value = 0


async def stays(dut: Any) -> None:
    """A word that was offered stays until it is taken."""
    before = None
    while True:
        await RisingEdge(dut.clk)
        now = (int(dut.m_data.value), int(dut.m_last.value)) if dut.m_valid.value else None
        assert before is None or now == before, "an offered word changed"
        before = None if now is None or dut.m_ready.value else now


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gaps=[0.0, 0.5], pause=[0.0, 0.4])
async def words(dut: Any, gaps: float, pause: float) -> None:
    lanes = int(dut.LANES.value)
    await start(dut, "s_valid", "s_words", "s_columns", "s_last", "m_ready")
    rng = random.Random(7)
    counts = [1, lanes, lanes + 1, 3 * lanes, 2 * lanes + max(1, lanes - 1), 1, 1, 5]
    groups = groups_of(lanes, counts, rng)
    watcher = cocotb.start_soon(stays(dut))
    sink = Sink(axis(dut, "m"), "m_axis", pause, seed=8)
    dut.m_ready.value = int(not pause)
    feeder = cocotb.start_soon(feed(dut, groups, gaps, rng))
    cycle = 0

    async def count() -> None:
        nonlocal cycle
        while True:
            await RisingEdge(dut.clk)
            cycle += 1

    counter = cocotb.start_soon(count())
    want = iter(groups)
    compared = 0
    for expected in counts:
        got = await with_timeout(sink.frame(), 100, "us")
        sent: list[int] = []
        while len(sent) < expected:
            group, columns, _ = next(want)
            sent += group[:columns]
        assert got == sent
        compared += len(got)
    assert compared == sum(counts)
    if not gaps and not pause:
        assert cycle in (sum(counts) + 1, sum(counts) + 2), "a word per cycle after one cycle"
    await feeder
    for task in (watcher, counter):
        assert not task.done()
        task.cancel()
    await ClockCycles(dut.clk, 3)
    assert not dut.m_valid.value and dut.s_ready.value


@cocotb.test(timeout_time=10, timeout_unit="us")
async def latency_and_reset(dut: Any) -> None:
    """The first word leaves one cycle after its group; a reset in between drops the rest."""
    lanes = int(dut.LANES.value)
    await start(dut, "s_valid", "s_words", "s_columns", "s_last", "m_ready")
    assert not dut.m_valid.value and dut.s_ready.value
    await feed(dut, [([k + 1 for k in range(lanes)], lanes, True)], 0.0, random.Random(0))
    await RisingEdge(dut.clk)
    assert dut.m_valid.value and int(dut.m_data.value) == 1
    assert int(dut.s_ready.value) == 0, "a group would be lost"
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    assert not dut.m_valid.value
