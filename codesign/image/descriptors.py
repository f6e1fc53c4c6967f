"""Table entries, cells and converter offsets as words, and back. The bits are those of `codesign.chip.layout`."""

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
    OPS,
    STEP,
    STEPS,
    TILE,
    TILES,
    Layout,
)
from codesign.fixed import Ints, pack_fields, unpack_fields, words_of
from codesign.mapping import Load, Mapping, OutputTile, Step

MAX_WAIT = STEP.field("wait").hi  # steps; at most 6 are between fetch and drain, a producer further back has finished


def step_record(step: Step, loads: int, tiles: int) -> Record:
    """A step's entry; `loads` and `tiles` are the numbers of its first load and tile."""
    return STEP.record(
        **STEP.blank,
        input_bits=step.input.bits,
        input_signed=step.input.signed,
        raw=step.raw,
        releases_input=step.releases_input,
        wait=min(step.wait, MAX_WAIT),
        range_gain=step.trim.gain,
        range_shift=step.trim.shift,
        shift=step.shift,
        first_load=loads,
        loads=len(step.loads),
        first_tile=tiles,
        tiles=sum(len(t.terms) for t in step.tiles),
        column_groups=step.column_groups,
        first_group=step.first_group,
        write=step.write,
        source=step.source,
        lo=0 if step.raw else step.out.lo,
        hi=0 if step.raw else step.out.hi,
        enabled=step.arrays,
        linked=tuple(a for b in step.blocks for a in b.arrays[1:]),
    )


def load_record(load: Load) -> Record:
    """A load's entry."""
    return LOAD.record(
        **LOAD.blank,
        offset=load.offset,
        from_memory=load.from_memory,
        wordline=load.wordline,
        count=load.count,
        arrays=load.arrays,
    )


def tile_records(tile: OutputTile, step: Step) -> list[Record]:
    """An entry for each term of a tile: where its sum is read, how it joins the result, and the correction."""
    last = len(tile.terms) - 1
    return [
        TILE.record(
            **TILE.blank,
            array=step.blocks[term.block].arrays[-1],
            columns=tile.columns,
            first_group=term.group,
            correction=term.correction,
            write=tile.column,
            op=OPS.value("add" if k else "first"),
            last=k == last,
            first_constant=term.constant,
        )
        for k, term in enumerate(tile.terms)
    ]


def encode_step(step: Step, layout: Layout, loads: int, tiles: int) -> list[int]:
    """The words of a step's entry."""
    return _words(STEP, step_record(step, loads, tiles), layout.mask, layout.step)


def encode_constants(step: Step, chip: Chip, layout: Layout) -> list[list[int]]:
    """One entry per column group of every term of every tile, lane after lane; unused lanes are 0.

    The bias comes with the first term only.
    """
    lanes, found = chip.adc.lanes, []
    for tile in step.tiles:
        at = slice(tile.column, tile.column + tile.columns)
        for s in range(len(tile.terms)):
            bias = step.bias[at] if s == 0 else np.zeros(tile.columns, np.int64)
            both = CONSTANT.encode_all(mult=step.multipliers(s)[at], bias=bias)
            found += [
                words_of(pack_fields(both[k : k + lanes], CONSTANT.word), layout.constant)
                for k in range(0, tile.columns, lanes)
            ]
    return found


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
        records = [r for tile in step.tiles for r in tile_records(tile, step)]
        tables[TILES] += [_words(TILE, record, layout.mask, layout.tile) for record in records]
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


def encode_offsets(offset: Ints) -> NDArray[np.uint32]:
    """Words of an array's converter offsets, one for each signed column."""
    return OFFSET.encode_all(offset=offset).astype("<u4")


def decode_offsets(words: ArrayLike) -> Ints:
    """Inverse."""
    return OFFSET.decode_all(np.asarray(words, dtype="<u4"))["offset"]


def _words(entry: Entry, record: Record, mask: int, width: int) -> list[int]:
    words = entry.encode(record, mask)
    return words + [0] * (width - len(words))
