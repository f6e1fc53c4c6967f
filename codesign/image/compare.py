"""What differs between two images, decoded: cells, fields of entries, constants, converter offsets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.fields import WORD, Value
from codesign.chip.layout import CELLS, CONSTANT, CONSTANTS, OFFSET, PROGRAM, TRIMS, Layout
from codesign.fixed import unpack_fields
from codesign.image.descriptors import decode_cells
from codesign.image.manifest import PieceRef
from codesign.image.position import UNUSED, Position, named, table
from codesign.image.tables import Words, memories
from codesign.image.words import KINDS, Image, limits


@dataclass(frozen=True)
class Change:
    """A cell or a field that two images hold differently; None where one of them does not write it."""

    position: Position
    first: Value | None
    second: Value | None

    def __str__(self) -> str:
        if self.first is None and self.second is None:
            return f"{self.position}: differs"
        of = "level " if self.position.bitline is not None else ""
        values = [f"{of}{_shown(v)}" if v is not None else "not written" for v in (self.first, self.second)]
        return f"{self.position}: {values[0]} -> {values[1]}"

    def plain(self) -> dict[str, object]:
        """For programs."""
        return self.position.plain() | {"first": self.first, "second": self.second}


def changes(first: Image, second: Image, chip: Chip, pieces: Sequence[PieceRef] = ()) -> Iterator[Change]:
    """Every difference in what two images write, by memory, array and address; the order of sections is none.

    pieces: what the arrays hold, to name weights.
    """
    one, other = memories(first, chip), memories(second, chip)
    for kind, index in sorted({*one, *other}):
        nothing = np.full(limits(chip)[kind], -1, np.int64)
        a, b = one.get((kind, index), nothing), other.get((kind, index), nothing)
        if kind == CELLS:
            yield from _cells(index, a, b, chip, pieces)
        elif kind == TRIMS:
            for column in np.flatnonzero(a != b).tolist():
                values = [
                    None if w < 0 else int(OFFSET.decode([w])["offset"]) for w in (int(a[column]), int(b[column]))
                ]
                yield Change(Position(KINDS[kind], index, column=column), *values)
        else:
            yield from _entries(kind, a, b, chip)


def levels_of(words: Words, chip: Chip) -> NDArray[np.int16]:
    """Levels (rows, columns) that the words of an array's memory hold; -1 where they are not written."""
    shape, bits = (chip.arrays.rows, chip.row_words), chip.device.level_bits
    held = decode_cells(np.maximum(words, 0).astype("<u4"), chip).astype(np.int16)
    first = np.arange(chip.arrays.columns) * bits
    ends = [(first + add) // WORD for add in (0, bits - 1)]  # a cell may lie in two words
    missing = np.any([(words < 0).reshape(shape)[:, at] for at in ends], axis=0)
    return np.where(missing, np.int16(-1), held)


def _cells(array: int, a: Words, b: Words, chip: Chip, pieces: Sequence[PieceRef]) -> Iterator[Change]:
    one, other = levels_of(a, chip), levels_of(b, chip)
    own = [p for p in pieces if p.array == array]
    unlike = np.argwhere(one != other)
    for wordline, bitline in unlike.tolist():
        values = [None if v < 0 else v for v in (int(one[wordline, bitline]), int(other[wordline, bitline]))]
        weight = named(own, array, wordline, bitline)
        yield Change(Position(KINDS[CELLS], array, wordline, bitline, weight), *values)
    if not len(unlike) and (a != b).any():
        wordline = int(np.flatnonzero(a != b)[0]) // chip.row_words
        yield Change(Position(KINDS[CELLS], array, wordline), None, None)


def _entries(kind: int, a: Words, b: Words, chip: Chip) -> Iterator[Change]:
    _, width = table(kind, chip)
    size = len(a) // width * width
    rows = a[:size].reshape(-1, width), b[:size].reshape(-1, width)
    for number in np.flatnonzero((rows[0] != rows[1]).any(axis=1)).tolist():
        fields = [_fields(kind, r[number].tolist(), chip) for r in rows]
        entry = None if kind == PROGRAM else number
        told = False
        for key in fields[0] or fields[1] or {}:
            values = [f[key] if f else None for f in fields]
            if values[0] != values[1]:
                lane, name = key
                told = True
                yield Change(Position(KINDS[kind], entry=entry, lane=lane, field=name), *values)
        if not told:
            yield Change(Position(KINDS[kind], entry=entry, field=UNUSED), None, None)


def _fields(kind: int, words: list[int], chip: Chip) -> dict[tuple[int | None, str], Value] | None:
    """The values of an entry by lane and name; None when it is not written, or only in parts."""
    if min(words) < 0:
        return None
    if kind == CONSTANTS:
        whole = sum(w << WORD * k for k, w in enumerate(words))
        lanes = unpack_fields(whole, CONSTANT.word, chip.adc.lanes)
        decoded = [CONSTANT.decode_all([v]) for v in lanes]
        return {(lane, name): int(v[0]) for lane, d in enumerate(decoded) for name, v in d.items()}
    form, _ = table(kind, chip)
    record = form.decode(words, Layout.of(chip).mask)
    return {(None, name): value for name, value in (record.numbers | record.arrays).items()}  # type: ignore[operator]


def _shown(value: Value) -> str:
    return str(value) if isinstance(value, int) else (", ".join(map(str, value)) or "none")
