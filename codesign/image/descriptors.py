"""Steps, loads, tiles, constants, cells and trims as words, and back. The bits are those of `codesign.chip.layout`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.chip.description import Chip
from codesign.chip.fields import WORD, Entry, Record
from codesign.chip.layout import (
    CONSTANT,
    CONSTANTS,
    LOAD,
    LOADS,
    OFFSET,
    STEP,
    STEPS,
    TILE,
    TILES,
    TRIM,
    Layout,
)
from codesign.fixed import Ints, pack_fields, unpack_fields, words_of
from codesign.mapping import Load, Mapping, OutputTile, Step

MAX_WAIT = STEP.field("wait").hi  # steps; at most 6 are between fetch and drain, a producer further back has finished


def step_record(step: Step, loads: int, tiles: int) -> Record:
    """A step's entry; `loads` and `tiles` are the numbers of its first load and tile."""
    return STEP.record(
        input_bits=step.input.bits,
        input_signed=step.input.signed,
        raw=step.raw,
        releases_input=step.releases_input,
        wait=min(step.wait, MAX_WAIT),
        shift=step.shift,
        first_load=loads,
        loads=len(step.loads),
        first_tile=tiles,
        tiles=len(step.tiles),
        column_groups=step.column_groups,
        first_constant=step.constant,
        word=step.word,
        lo=0 if step.raw else step.out.lo,
        hi=0 if step.raw else step.out.hi,
        enabled=tuple(a for t in step.tiles for a in t.arrays),
        linked=tuple(a for t in step.tiles for a in t.arrays[1:]),
    )


def load_record(load: Load) -> Record:
    """A load's entry."""
    return LOAD.record(word=load.word, from_memory=load.from_memory, arrays=load.arrays)


def tile_record(tile: OutputTile) -> Record:
    """A tile's entry: where the sum is read, how many columns, and the correction."""
    return TILE.record(array=tile.arrays[-1], columns=tile.columns, correction=tile.correction)


def encode_step(step: Step, layout: Layout, loads: int, tiles: int) -> list[int]:
    """The words of a step's entry."""
    return _words(STEP, step_record(step, loads, tiles), layout.mask, layout.step)


def encode_constants(step: Step, chip: Chip, layout: Layout) -> list[list[int]]:
    """One entry per column group, lane after lane; unused lanes are 0."""
    lanes = chip.adc.lanes
    both = CONSTANT.encode_all(mult=step.mult, bias=step.bias)
    return [
        words_of(pack_fields(both[at : at + lanes], CONSTANT.word), layout.constant)
        for at in range(0, step.outputs, lanes)
    ]


def decode_constants(words: ArrayLike, chip: Chip) -> dict[str, Ints]:
    """Inverse: `mult` and `bias`, (entries, lanes), of whole entries."""
    width, lanes = Layout.of(chip).constant, chip.adc.lanes
    rows = np.asarray(words, dtype="<u4").reshape(-1, width)
    whole = [int.from_bytes(row.tobytes(), "little") for row in rows]
    held = np.array([unpack_fields(w, CONSTANT.word, lanes) for w in whole], np.uint64).reshape(-1, lanes)
    return CONSTANT.decode_all(held)


def encode_tables(mapping: Mapping) -> dict[int, list[list[int]]]:
    """Entries of the four tables, by section kind, each entry a list of words."""
    layout = Layout.of(mapping.chip)
    tables: dict[int, list[list[int]]] = {STEPS: [], LOADS: [], TILES: [], CONSTANTS: []}
    for step in mapping.steps:
        tables[STEPS].append(encode_step(step, layout, len(tables[LOADS]), len(tables[TILES])))
        tables[LOADS] += [_words(LOAD, load_record(load), layout.mask, layout.load) for load in step.loads]
        tables[TILES] += [_words(TILE, tile_record(tile), layout.mask, layout.tile) for tile in step.tiles]
        tables[CONSTANTS] += encode_constants(step, mapping.chip, layout)
    return tables


def encode_cells(levels: NDArray[np.uint8], chip: Chip) -> NDArray[np.uint32]:
    """Levels (rows, columns) as words, wordline after wordline; cell k at bits [k*level_bits +: level_bits]."""
    bits, row_words = chip.device.level_bits, chip.row_words
    spread = np.zeros((len(levels), row_words * WORD), dtype=np.uint8)
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
    """Words of an array's range trim: gain and shift, then the offset of each signed column."""
    first = TRIM.encode(TRIM.record(gain=gain, shift=shift))
    return np.concatenate([first, OFFSET.encode_all(offset=offset)]).astype("<u4")


def decode_trim(words: ArrayLike) -> tuple[Record, Ints]:
    """Inverse: gain and shift as a record, the offsets (signed columns,)."""
    held = np.asarray(words, dtype="<u4")
    return TRIM.decode(held[: TRIM.words].tolist()), OFFSET.decode_all(held[TRIM.words :])["offset"]


def _words(entry: Entry, record: Record, mask: int, width: int) -> list[int]:
    words = entry.encode(record, mask)
    return words + [0] * (width - len(words))
