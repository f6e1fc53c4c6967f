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
    WALK,
    WALK_LEVELS,
    WALKS,
    Layout,
)
from codesign.fixed import Ints, pack_fields, unpack_fields, words_of
from codesign.mapping import Load, Mapping, OutputTile, Step
from codesign.mapping.pipeline import MOST
from codesign.mapping.walk import ONCE, Level

MODULO = STEP.field("source").hi + 1  # addresses wrap around: a place may lie before its picture


def step_record(step: Step, loads: int, tiles: int, walk: int = 0) -> Record:
    """A step's entry; `loads`, `tiles` and `walk` are the numbers of its first load and tile, and of its walk."""
    bounds = step.walk if step.walk.bounded else ONCE
    return STEP.record(
        vector=step.is_vector,
        whole_input=step.whole_input,
        walk=walk,
        window=step.walk.window,
        row=bounds.row,
        column=bounds.column,
        rows=bounds.rows,
        row_length=bounds.row_length,
        instances=step.instances,
        input_bits=step.input.bits,
        input_signed=step.input.signed,
        raw=step.raw,
        releases_input=step.releases_input,
        wait=min(step.wait, MOST),
        range_gain=step.trim.gain,
        range_shift=step.trim.shift,
        shift=step.shift,
        first_load=loads,
        loads=len(step.loads),
        first_tile=tiles,
        tiles=sum(len(t.terms) + len(t.operands) for t in step.tiles),
        column_groups=max(1, step.column_groups),
        first_group=step.first_group,
        write=step.write,
        source=(step.source + step.walk.source) % MODULO,
        lo=0 if step.raw else step.out.lo,
        hi=0 if step.raw else step.out.hi,
        enabled=step.arrays,
        linked=tuple(a for b in step.blocks for a in b.arrays[1:]),
    )


def load_record(load: Load) -> Record:
    """A load's entry."""
    return LOAD.record(
        offset=load.offset % MODULO,
        at_write=load.at_write,
        operand=load.operand,
        bounded=load.bounded,
        row=load.row,
        column=load.column,
        from_memory=load.from_memory,
        wordline=load.wordline,
        count=load.count,
        arrays=load.arrays,
    )


def walk_record(levels: tuple[Level, ...]) -> Record:
    """A walk's entry; loops that it does not have turn once."""
    found: dict[str, int] = {}
    for k in range(WALK_LEVELS):
        level = levels[k] if k < len(levels) else Level(1, 0, 0, 0, 0)
        found |= {f"{name}_{k}": number for name, number in vars(level).items()}
    return WALK.record(**found)


def tile_records(tile: OutputTile, step: Step) -> list[Record]:
    """An entry for each part of a tile: where its sum is read, how it joins the result, and the correction."""
    last = len(tile.terms) + len(tile.operands) - 1
    return [
        TILE.record(
            from_operand=0,
            operand_signed=0,
            repeats=1,
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
    ] + [
        TILE.record(
            array=0,
            columns=tile.columns,
            first_group=0,
            correction=0,
            write=tile.column,
            from_operand=1,
            op=OPS.value(operand.op),
            last=k == last,
            operand_signed=operand.signed,
            first_constant=operand.constant,
            repeats=operand.repeats,
        )
        for k, operand in enumerate(tile.operands, len(tile.terms))
    ]


def encode_step(step: Step, layout: Layout, loads: int, tiles: int, walk: int = 0) -> list[int]:
    """The words of a step's entry."""
    return _words(STEP, step_record(step, loads, tiles, walk), layout.mask, layout.step)


def encode_constants(step: Step, chip: Chip, layout: Layout) -> list[list[int]]:
    """One entry per column group of every term of every tile, lane after lane; unused lanes are 0.

    The bias comes with the first term only. Operands of one edge share their entries.
    """
    lanes, found = chip.adc.lanes, []
    for tile in step.tiles:
        at = slice(tile.column, tile.column + tile.columns)
        parts = [step.multipliers(s) for s in range(len(tile.terms))] or [step.mult]
        parts += [] if step.other is None else [step.other]
        for k, mult in enumerate(parts):
            bias = np.zeros(tile.columns, np.int64) if k else step.bias[at]
            both = CONSTANT.encode_all(mult=mult[at], bias=bias)
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
    """Entries of the tables, by section kind, each entry a list of words. Entry 0 of the walks is one place."""
    layout, walks = Layout.of(mapping.chip), mapping.plan.walks
    tables: dict[int, list[list[int]]] = {STEPS: [], LOADS: [], TILES: [], CONSTANTS: []}
    for step in mapping.steps:
        walk = 1 + walks.index(step.walk.levels) if step.walk.levels else 0
        tables[STEPS].append(encode_step(step, layout, len(tables[LOADS]), len(tables[TILES]), walk))
        tables[LOADS] += [_words(LOAD, load_record(load), layout.mask, layout.load) for load in step.loads]
        records = [r for tile in step.tiles for r in tile_records(tile, step)]
        tables[TILES] += [_words(TILE, record, layout.mask, layout.tile) for record in records]
        tables[CONSTANTS] += encode_constants(step, mapping.chip, layout)
    if walks:
        tables[WALKS] = [WALK.encode(walk_record(levels)) for levels in ((), *walks)]
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
