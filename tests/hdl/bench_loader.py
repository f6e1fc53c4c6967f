"""xb_loader against codesign.image.words: what it writes, what it refuses, and why."""

import os
import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.chip.description import IMAGE_FORMAT, RTL_VERSION, Chip
from codesign.chip.layout import CELLS, CONSTANTS, LOADS, PROGRAM, STEPS, TILES, TRIMS, WALKS
from codesign.chip.registers import IMAGE_REASONS, IMAGE_STATES
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.words import Section, assemble, limits, parse, sections
from tests.hdl.drive import start
from tests.hdl.programs import program

TABLES = {
    STEPS: "write_steps",
    LOADS: "write_loads",
    TILES: "write_tiles",
    CONSTANTS: "write_constants",
    WALKS: "write_walks",
}
Strobe = tuple[int, int, int, int]  # section kind, array, address, data


def chip() -> Chip:
    return Chip.model_validate_json(os.environ["CHIP"])


def memories() -> dict[int, int]:
    """Words that each memory of the chip holds."""
    return limits(chip())


def whole() -> tuple[Section, ...]:
    """Every section of a small network on the chip, and a walk, which it does not need."""
    return (*sections(program([30, 11, 5], chip()).mapping), Section(WALKS, 0, 16, tuple(range(1, 17))))


def small() -> tuple[Section, ...]:
    """The least that an image may hold, and a bit of two memories."""
    return (Section(PROGRAM, 0, 0, (2, 9, 70000)), Section(TILES, 0, 3, (0xFFFF0000, 5)), Section(TRIMS, 4, 1, (7,)))


def strobes(parts: tuple[Section, ...]) -> list[Strobe]:
    """What the memories must see; the program section goes to registers of the loader."""
    return [(s.kind, s.index, s.first + k, w) for s in parts if s.kind != PROGRAM for k, w in enumerate(s.words)]


class Loader:
    """Sends words and notes what is written."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.seen: list[Strobe] = []

    async def watch(self) -> None:
        d = self.dut
        names = {"write_cells": CELLS, "write_trims": TRIMS}
        lines = [(getattr(d, n), k, False) for k, n in TABLES.items()]
        lines += [(getattr(d, n), k, True) for n, k in names.items()]
        while True:
            await RisingEdge(d.clk)
            hot = [(line, kind, many) for line, kind, many in lines if int(line.value)]
            assert len(hot) <= 1, "two memories written at once"
            for line, kind, many in hot:
                index = int(line.value).bit_length() - 1 if many else 0
                assert int(line.value) == 1 << index, "two arrays written at once"
                self.seen.append((kind, index, int(d.write_address.value), int(d.write_data.value)))

    async def send(self, words: list[int], gaps: float = 0.0, rng: random.Random | None = None) -> None:
        d = self.dut
        for word in words:
            while rng and rng.random() < gaps:
                d.s_valid.value = 0
                d.s_data.value = rng.getrandbits(32)
                await RisingEdge(d.clk)
            d.s_valid.value, d.s_data.value = 1, word
            await RisingEdge(d.clk)
        d.s_valid.value = 0
        await ClockCycles(d.clk, 2)

    async def clear(self) -> None:
        self.dut.clear.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.clear.value = 0
        await RisingEdge(self.dut.clk)
        self.seen.clear()
        assert (self.state, self.reason, self.crc) == ("empty", "none", 0)

    @property
    def state(self) -> str:
        return IMAGE_STATES[int(self.dut.state.value)]

    @property
    def reason(self) -> str:
        return IMAGE_REASONS[int(self.dut.reason.value)]

    @property
    def crc(self) -> int:
        return int(self.dut.image_crc.value)


async def begin(dut: Any) -> Loader:
    await start(dut, "clear", "s_valid", "s_data")
    loader = Loader(dut)
    cocotb.start_soon(loader.watch())
    assert (loader.state, loader.reason, loader.crc) == ("empty", "none", 0)
    return loader


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gaps=[0.0, 0.5])
async def good_image(dut: Any, gaps: float) -> None:
    """Every word lands where `sections` says; then another image without a clear in between."""
    loader, parts = await begin(dut), whole()
    words = assemble(chip(), parts)
    await loader.send(words[:-1], gaps, random.Random(10))
    assert (loader.state, loader.crc) == ("loading", 0), "good before its last word"
    await loader.send(words[-1:])
    assert (loader.state, loader.reason, loader.crc) == ("ok", "none", words[-1])
    steps, beats, _ = parts[0].words  # the chip does not need the number of output words yet
    assert (int(dut.program_steps.value), int(dut.program_beats.value)) == (steps, beats)
    assert loader.seen == strobes(parts)
    assert len(loader.seen) == sum(len(s.words) for s in parts[1:])
    assert {s.kind for s in parts} == set(memories()), "not every memory was written"

    loader.seen.clear()
    again = assemble(chip(), small())
    await loader.send(again[:1])
    assert (loader.state, loader.crc) == ("loading", 0), "the image before is gone"
    await loader.send(again[1:])
    assert (loader.state, loader.crc) == ("ok", again[-1])
    assert (int(dut.program_steps.value), int(dut.program_beats.value)) == (2, 9)
    assert loader.seen == strobes(small())


@cocotb.test(timeout_time=100, timeout_unit="us")
async def write_follows_its_word_by_one_cycle(dut: Any) -> None:
    loader = await begin(dut)
    words = assemble(chip(), (Section(STEPS, 0, 0, (11,)), Section(PROGRAM, 0, 0, (1, 1, 1))))
    payload = words.index(11, 5)
    await loader.send(words[:payload])
    dut.s_valid.value, dut.s_data.value = 1, 11
    await RisingEdge(dut.clk)
    dut.s_valid.value = 0
    assert not dut.write_steps.value
    await RisingEdge(dut.clk)
    assert dut.write_steps.value and int(dut.write_data.value) == 11
    await RisingEdge(dut.clk)
    assert not dut.write_steps.value
    await loader.send(words[payload + 1 :])
    assert loader.state == "ok" and len(loader.seen) == 1


def broken(words: list[int], at: int) -> list[int]:
    return [w ^ (1 << 7) if k == at else w for k, w in enumerate(words)]


def faults() -> list[tuple[str, list[int]]]:
    """Images with one fault each, and the reason the chip must give."""
    c, parts = chip(), small()
    good = assemble(c, parts)
    outside = [Section(kind, 0, size, (0,)) for kind, size in memories().items()]
    outside += [Section(kind, 0, size - 1, (0, 0)) for kind, size in memories().items()]
    outside += [Section(kind, c.arrays.count, 0, (0,)) for kind in (CELLS, TRIMS)]
    outside += [Section(kind, 1, 0, (0,)) for kind in (PROGRAM, *TABLES)]
    outside += [Section(kind, 0, 0, (0,)) for kind in (0, 9, 255)]
    outside += [Section(STEPS, 0, 0, ()), Section(STEPS, 0, 0xFFFFFFFF, (0, 0))]
    target = [*good[:5], good[5] | 1 << 16, *good[6:]]  # bits that no field takes
    section = IMAGE_REASONS[5]
    other = c.model_copy(update={"adc": c.adc.model_copy(update={"bits": c.adc.bits + 1})})
    formats = [[good[0], v, *good[2:4]] for v in (RTL_VERSION + 1, RTL_VERSION - 0x10000, RTL_VERSION + 0x10000, 0x2)]
    return [
        (IMAGE_REASONS[1], broken(good, 0)),
        *((IMAGE_REASONS[2], [*head, crc32(head), *good[5:]]) for head in formats),
        (IMAGE_REASONS[3], assemble(other, parts)),
        (IMAGE_REASONS[4], broken(good, 4)),
        *((section, assemble(c, (*parts, bad))) for bad in outside),
        (section, target),
        (IMAGE_REASONS[6], broken(good, 8)),
        (IMAGE_REASONS[6], broken(good, 11)),
        (IMAGE_REASONS[7], broken(good, len(good) - 1)),
        (IMAGE_REASONS[8], assemble(c, parts[1:])),
        (IMAGE_REASONS[8], assemble(c, ())),
    ]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def earlier_formats(dut: Any) -> None:
    """A chip takes the images of its version's major and of every minor up to its own; so does codesign."""
    loader, parts = await begin(dut), small()
    assert RTL_VERSION > IMAGE_FORMAT
    for version in range(IMAGE_FORMAT, RTL_VERSION + 1):
        words = assemble(chip(), parts)
        words[1] = version
        words[4] = crc32(words[:4])
        total = crc32(words[:4])
        at = 5
        for s in parts:
            total = crc32(words[at : at + 3 + len(s.words)], total)
            at += 4 + len(s.words)
        words[-1] = total
        assert parse(np.asarray(words, "<u4").tobytes(), chip()).sections == parts
        await loader.send(words)
        assert (loader.state, loader.crc) == ("ok", words[-1])
        await loader.clear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_reason(dut: Any) -> None:
    """Each fault gives its reason, holds until cleared, and codesign refuses the same image."""
    loader, reached = await begin(dut), set()
    cases = faults()
    for reason, words in cases:
        try:
            parse(np.asarray(words, "<u4").tobytes(), chip())
        except ImageError:
            pass
        else:
            raise AssertionError(f"codesign accepts an image for which the chip must say: {reason}")
        await loader.send(words)
        assert (loader.state, loader.reason, loader.crc) == ("bad", reason, 0), f"want: {reason}"
        loader.seen.clear()
        await loader.send(assemble(chip(), small()))
        assert (loader.state, loader.reason) == ("bad", reason), "a good image without a clear"
        assert loader.seen == [], "written while bad"
        await loader.clear()
        reached.add(reason)
    assert reached == set(IMAGE_REASONS[1:])
    await loader.send(assemble(chip(), small()))
    assert loader.state == "ok" and loader.seen == strobes(small())


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def any_flipped_bit(dut: Any) -> None:
    """No single flipped bit is accepted, neither by the chip nor by codesign."""
    loader = await begin(dut)
    words = assemble(chip(), small()[:2])
    compared = 0
    for at in range(len(words)):
        for bit in range(32):
            flipped = list(words)
            flipped[at] ^= 1 << bit
            await loader.send(flipped)
            assert loader.state in ("bad", "loading"), f"accepted with bit {bit} of word {at} flipped"
            assert loader.state == "bad" or at in (3, 7, 14), "only a wrong count or length may leave it waiting"
            try:
                parse(np.asarray(flipped, "<u4").tobytes(), chip())
            except ImageError:
                compared += 1
            await loader.clear()
    assert compared == 32 * len(words)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def truncated(dut: Any) -> None:
    """Cut anywhere, the chip waits; cleared, it takes a whole image."""
    loader, words = await begin(dut), assemble(chip(), small())
    for length in range(1, len(words)):
        await loader.send(words[:length])
        assert (loader.state, loader.reason, loader.crc) == ("loading", "none", 0), f"{length} words"
        await loader.clear()
    await loader.send(words)
    assert loader.state == "ok"
    await loader.clear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_in_the_middle(dut: Any) -> None:
    loader, parts = await begin(dut), small()
    words = assemble(chip(), parts)
    await loader.send(words[:9])
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    assert loader.state == "empty"
    loader.seen.clear()
    await loader.send(words)
    assert loader.state == "ok" and loader.seen == strobes(parts)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def edges_of_every_memory(dut: Any) -> None:
    """First and last word of each memory and of the last array are reached."""
    loader, c = await begin(dut), chip()
    parts = [Section(PROGRAM, 0, 0, (1, 1, 1))]
    for kind, size in memories().items():
        index = c.arrays.count - 1 if kind in (CELLS, TRIMS) else 0
        if kind != PROGRAM:
            parts += [Section(kind, index, first, (kind,)) for first in (0, size - 1)]
    words = assemble(c, tuple(parts))
    parse(np.asarray(words, "<u4").tobytes(), c)
    await loader.send(words)
    assert loader.state == "ok" and loader.seen == strobes(tuple(parts))
    assert len(loader.seen) == 2 * (len(memories()) - 1)
