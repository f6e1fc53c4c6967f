"""Both models of a crossbar macro, driven alike, against codesign.fixed.convert of the column currents."""

import os
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.fixed import Ints, Trim, convert, unpack_fields
from codesign.image.descriptors import encode_cells, encode_offsets
from codesign.mapping.cells import to_codes, to_weights

RANGES = [Trim(*r) for r in ((1, 0), (3, 0), (1, 2), (1, 0), (5, 3), (255, 15), (200, 6))]
REACHES = (0, 9, 40, 32767, 0)  # of the offsets


class Array:
    """Programs, drives and reads both models; changes inputs on falling edges."""

    def __init__(self, dut: Any, chip: Chip) -> None:
        self.dut, self.chip, self.compared = dut, chip, 0
        self.plain: set[bool] = set()  # whether the packed model had a short way, of every sample
        for name in ("wordline", "evaluate", "convert", "group", "gain", "shift", "cell_write", "trim_write"):
            getattr(dut, name).value = 0
        Clock(dut.clk, 10, unit="ns").start()

    async def tick(self) -> None:
        await FallingEdge(self.dut.clk)

    async def write(self, port: str, words: NDArray[np.uint32], only: range | None = None) -> None:
        """Program words 0.. of the cells or the offsets (port trim); `only` picks some of them."""
        enable = getattr(self.dut, f"{port}_write")
        enable.value = 1
        for address in only or range(len(words)):
            self.dut.write_address.value = address
            self.dut.write_data.value = int(words[address])
            await self.tick()
        enable.value = 0

    async def sample(self, bits: Ints, trim: Trim) -> None:
        self.offer(bits, trim)
        await self.tick()
        self.rest()

    def offer(self, bits: Ints, trim: Trim) -> None:
        dut = self.dut
        dut.evaluate.value, dut.gain.value, dut.shift.value = 1, trim.gain, trim.shift
        dut.wordline.value = int("".join(map(str, bits[::-1])), 2)

    def rest(self) -> None:
        """Without a sample the pins of the range do not matter."""
        dut = self.dut
        dut.evaluate.value, dut.gain.value, dut.shift.value = 0, random.randrange(256), random.randrange(16)

    async def codes(self, following: tuple[Ints, Trim] | None) -> list[int]:
        """Signed codes of every column of the sample, group after group; the last samples `following`."""
        dut, chip = self.dut, self.chip
        found: list[int] = []
        dut.convert.value = 1
        for group in range(chip.groups):
            dut.group.value = group
            if group == chip.groups - 1 and following is not None:
                self.offer(*following)
            await self.tick()
            assert dut.packed_code.value == dut.cells_code.value, "the models differ"
            codes = unpack_fields(int(dut.packed_code.value), chip.adc.bits, chip.adc.lanes)
            found += [code + chip.code.lo for code in codes]  # offset binary
            self.rest()
        dut.convert.value = 0
        return found

    async def check(
        self, weights: Ints, trims: list[Trim], offset: Ints, vectors: list[Ints], fraction: int = 0
    ) -> None:
        """Convert every vector, each with the next range, samples overlapping conversions, and compare."""
        chip = self.chip
        samples = [(bits, trims[k % len(trims)]) for k, bits in enumerate(vectors)]
        await self.sample(*samples[0])
        for (bits, trim), following in zip(samples, [*samples[1:], None], strict=True):
            plain = bool(self.dut.u_packed.u_packed.plain.value)
            assert plain == (trim.is_identity and not offset.any() and not fraction)
            self.plain.add(plain)
            want = convert(bits @ weights, trim, offset, chip.code, fraction).tolist()
            want += [0] * (chip.groups * chip.adc.lanes - chip.columns)  # lanes past the last column
            got = await self.codes(following)
            assert got == want, f"{trim}, wordlines {bits}"
            self.compared += len(got)
            if following is not None and random.random() < 0.2:
                await self.tick()  # an idle cycle keeps the sample and its range


def setup(dut: Any) -> tuple[Array, dict[str, Any], np.random.Generator]:
    chip = Chip.model_validate_json(os.environ["CHIP"])
    job = dict(np.load(Path(os.environ["JOB"])))
    assert len(dut.wordline) == chip.arrays.rows
    assert len(dut.packed_code) == chip.adc.lanes * chip.adc.bits
    random.seed(1)
    return Array(dut, chip), job, np.random.default_rng(2)


def vectors(rng: np.random.Generator, rows: int) -> list[Ints]:
    """Corners, then random wordlines of several densities."""
    eye = np.eye(rows, dtype=np.int64)
    corners = [np.zeros(rows, np.int64), np.ones(rows, np.int64), eye[0], eye[-1], eye[rows // 2]]
    return corners + [(rng.random(rows) < share).astype(np.int64) for share in (0.1, 0.5, 0.5, 0.9)]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def bus(dut: Any) -> None:
    """Programmed word by word, with several offsets, ranges in turn; then in part with other levels."""
    array, job, rng = setup(dut)
    chip = array.chip
    await array.tick()
    fresh = np.zeros_like(job["levels"])  # an unprogrammed array holds level 0 everywhere
    none, some = np.zeros(chip.columns, np.int64), RANGES[:2]
    await array.check(to_weights(to_codes(fresh, chip.device)), some, none, vectors(rng, chip.arrays.rows)[:3])
    await array.write("cell", encode_cells(job["levels"], chip))
    weights = to_weights(to_codes(job["levels"], chip.device)).astype(np.int64)
    for k, reach in enumerate(REACHES):
        offset = rng.integers(-reach, reach + 1, chip.columns)
        if reach > 1000:
            offset[:2] = -reach - 1, reach
        elif reach:
            offset[0] = reach
        await array.write("trim", encode_offsets(offset))
        await array.check(weights, RANGES[k:] + RANGES[:k], offset, vectors(rng, chip.arrays.rows))
    assert array.plain == {False, True}, "both ways of converting"

    words, others = encode_cells(job["levels"], chip), encode_cells(job["others"], chip)
    row = chip.row_words
    but = [k for k in range(len(words)) if k // row != 1]  # wordline 1 keeps its cells
    for k in but:
        await array.write("cell", others, range(k, k + 1))
    mixed = job["others"].copy()
    mixed[1] = job["levels"][1]
    weights = to_weights(to_codes(mixed, chip.device)).astype(np.int64)
    await array.check(weights, some, none, vectors(rng, chip.arrays.rows))
    per_vector = chip.groups * chip.adc.lanes
    assert array.compared == per_vector * (3 + 9 * len(REACHES) + 9)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def files(dut: Any) -> None:
    """Programmed by +backdoor and, if the job has a die, with what its cells really hold."""
    array, job, rng = setup(dut)
    chip = array.chip
    trims, offset, fraction = [Trim(3, 1), Trim()], job["offset"], int(job.get("fraction", 0))
    if fraction:
        trims = [*RANGES[1:], Trim()]
    codes = job["die"] if "die" in job else to_codes(job["levels"], chip.device)
    await array.tick()
    await array.check(to_weights(codes).astype(np.int64), trims, offset, vectors(rng, chip.arrays.rows), fraction)
    await array.write("trim", encode_offsets(np.zeros(chip.columns, np.int64)))
    await array.check(to_weights(codes).astype(np.int64), trims, 0 * offset, vectors(rng, chip.arrays.rows), fraction)
    if "die" in job:  # programming other levels does not change what the die's map says
        await array.write("cell", encode_cells(job["others"], chip))
        none, lines = 0 * offset, vectors(rng, chip.arrays.rows)
        await array.check(to_weights(codes).astype(np.int64), trims, none, lines, fraction)
    assert array.compared == chip.groups * chip.adc.lanes * 9 * (3 if "die" in job else 2)
