"""Steps, loads, tiles and constants as the chip's table entries. Layouts are specified in docs/image.md."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.chip.description import Chip
from codesign.fixed import Ints, clog2, pack_fields, words_of
from codesign.mapping import Load, Mapping, OutputTile, Step

PROGRAM, STEPS, LOADS, TILES, CONSTANTS, CELLS, TRIMS = range(1, 8)  # section kinds
MAX_WAIT = 7  # steps; no more than 6 are ever between fetch and drain, so a producer further back has finished


@dataclass(frozen=True)
class Layout:
    """Sizes of the chip's programmable memories, in 32-bit words per entry."""

    mask: int  # words of one bit per array
    step: int
    load: int
    tile: int
    constant: int
    row: int  # one wordline's cells
    trims: int  # one array's range trim, all of it

    @classmethod
    def of(cls, chip: Chip) -> "Layout":
        """The layout of a chip; xb_core.v derives the same numbers."""
        mask = -(-chip.arrays.count // 32)
        constant = -(-chip.adc.lanes * 48 // 32)
        return cls(
            mask,
            1 << clog2(6 + 2 * mask),
            1 << clog2(1 + mask),
            2,
            1 << clog2(constant),
            chip.row_words,
            1 + chip.columns,
        )


def encode_step(step: Step, layout: Layout, loads: int, tiles: int) -> list[int]:
    """A step entry; `loads` and `tiles` are the numbers of its first load and tile."""
    enabled = [a for t in step.tiles for a in t.arrays]
    linked = [a for t in step.tiles for a in t.arrays[1:]]
    flags = (
        (step.input.bits - 1)
        | step.input.signed << 4
        | step.raw << 5
        | step.releases_input << 6
        | min(step.wait, MAX_WAIT) << 8
        | step.shift << 16
    )
    lo, hi = (0, 0) if step.raw else (step.out.lo & 0xFFFF, step.out.hi & 0xFFFF)
    head = [
        flags,
        loads | len(step.loads) << 16,
        tiles | len(step.tiles) << 16,
        (step.groups - 1) | step.constant << 16,
        step.word,
        lo | hi << 16,
    ]
    return _pad(head + _mask(enabled, layout) + _mask(linked, layout), layout.step)


def encode_load(load: Load, layout: Layout) -> list[int]:
    """A load entry."""
    return _pad([load.word | load.hidden << 31, *_mask(load.arrays, layout)], layout.load)


def encode_tile(tile: OutputTile, layout: Layout) -> list[int]:
    """A tile entry: where the sum is read, how many columns, and the correction."""
    return _pad([tile.arrays[-1] | tile.columns << 16, tile.correction], layout.tile)


def encode_constants(step: Step, chip: Chip, layout: Layout) -> list[list[int]]:
    """One entry per column group: lane l holds {bias[32], mult[16]} at bits [48*l +: 48]; unused lanes are 0."""
    lanes = chip.adc.lanes
    groups = -(-step.outputs // lanes)
    mult, bias = np.zeros(groups * lanes, np.int64), np.zeros(groups * lanes, np.int64)
    mult[: step.outputs], bias[: step.outputs] = step.mult, step.bias
    both = (bias & 0xFFFFFFFF) << 16 | (mult & 0xFFFF)
    return [words_of(pack_fields(both[g * lanes : (g + 1) * lanes], 48), layout.constant) for g in range(groups)]


def encode_tables(mapping: Mapping) -> dict[int, list[list[int]]]:
    """Entries of the four tables, by section kind, each entry a list of words."""
    layout = Layout.of(mapping.chip)
    tables: dict[int, list[list[int]]] = {STEPS: [], LOADS: [], TILES: [], CONSTANTS: []}
    for step in mapping.steps:
        tables[STEPS].append(encode_step(step, layout, len(tables[LOADS]), len(tables[TILES])))
        tables[LOADS] += [encode_load(load, layout) for load in step.loads]
        tables[TILES] += [encode_tile(tile, layout) for tile in step.tiles]
        tables[CONSTANTS] += encode_constants(step, mapping.chip, layout)
    return tables


def encode_cells(levels: NDArray[np.uint8], chip: Chip) -> NDArray[np.uint32]:
    """Levels (rows, columns) as words, wordline after wordline; cell k at bits [k*level_bits +: level_bits]."""
    bits, row_words = chip.device.level_bits, chip.row_words
    spread = np.zeros((len(levels), row_words * 32), dtype=np.uint8)
    for b in range(bits):
        spread[:, b : levels.shape[1] * bits : bits] = (levels >> b) & 1
    packed = np.packbits(spread, axis=1, bitorder="little")  # (rows, 4 * row_words) bytes
    return packed.view("<u4").ravel()


def decode_cells(words: ArrayLike, chip: Chip) -> NDArray[np.uint8]:
    """Inverse of `encode_cells`."""
    bits, columns = chip.device.level_bits, chip.arrays.columns
    raw = np.ascontiguousarray(words, dtype="<u4").reshape(-1, chip.row_words)
    spread = np.unpackbits(raw.view(np.uint8), axis=1, bitorder="little")[:, : columns * bits]
    weights = (1 << np.arange(bits)).astype(np.uint8)
    return np.asarray((spread.reshape(len(raw), columns, bits) * weights).sum(axis=2), dtype=np.uint8)


def encode_trim(gain: int, shift: int, offset: Ints) -> NDArray[np.uint32]:
    """Word 0: {shift, gain}; word 1 + j: offset of signed column j."""
    return np.concatenate([[gain | shift << 16], offset]).astype("<u4")


def _mask(arrays: Iterable[int], layout: Layout) -> list[int]:
    return words_of(sum(1 << a for a in arrays), layout.mask)


def _pad(words: list[int], count: int) -> list[int]:
    return words + [0] * (count - len(words))
