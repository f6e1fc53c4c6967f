"""What a bit of an image belongs to: a cell by array, wordline, bitline and weight, or a field of a table's entry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codesign.chip.description import Chip
from codesign.chip.fields import WORD, Entry
from codesign.chip.layout import (
    CELLS,
    CONSTANT,
    CONSTANTS,
    HEADER,
    LOAD,
    LOADS,
    OFFSET,
    PROGRAM,
    PROGRAM_ENTRY,
    SECTION,
    STEP,
    STEPS,
    TILE,
    TILES,
    TRIMS,
    WALK,
    WALKS,
    Layout,
)
from codesign.errors import plain
from codesign.image.manifest import PieceRef
from codesign.image.words import KINDS, Section

UNUSED = "unused bits"


@dataclass(frozen=True)
class Position:
    """A cell, a field of an entry, or a part of the stream itself; fields that do not apply are None.

    memory: a section kind, or `header`, `section` and `image` for words that only the stream has.
    """

    memory: str
    array: int | None = None
    wordline: int | None = None
    bitline: int | None = None
    weight: str | None = None  # the user's name of the weight that the cell is part of
    column: int | None = None  # signed column of a converter offset
    entry: int | None = None
    lane: int | None = None  # of a constants entry
    field: str | None = None

    def __str__(self) -> str:
        of = f"{self.memory} of array {self.array}" if self.array is not None else self.memory
        parts = [of]
        if self.wordline is not None:
            parts.append(f"wordline {self.wordline}")
            parts.append("bits past the last bitline" if self.bitline is None else f"bitline {self.bitline}")
        for name in ("weight", "column", "entry", "lane"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name} {plain(str(value))}")
        return ", ".join([*parts, *([self.field] if self.field else [])])

    def plain(self) -> dict[str, int | str]:
        """For programs: what applies."""
        return {name: value for name, value in vars(self).items() if value is not None}


def position(kind: int, index: int, word: int, bit: int, chip: Chip, pieces: Sequence[PieceRef] = ()) -> Position:
    """What bit `bit` of word `word` of a memory belongs to."""
    name = KINDS[kind]
    if kind == CELLS:
        wordline, within = divmod(word, chip.row_words)
        bitline = (WORD * within + bit) // chip.device.level_bits
        if bitline >= chip.arrays.columns:
            return Position(name, index, wordline)
        return Position(name, index, wordline, bitline, weight=named(pieces, index, wordline, bitline))
    if kind == TRIMS:
        return Position(name, index, column=word)
    if kind == PROGRAM:
        return Position(name, field=_field(PROGRAM_ENTRY, word, bit, 0))
    form, width = table(kind, chip)
    entry, within = divmod(word, width)
    if kind == CONSTANTS:
        lane, at = divmod(WORD * within + bit, CONSTANT.word)
        if lane >= chip.adc.lanes:
            return Position(name, entry=entry, field=UNUSED)
        return Position(name, entry=entry, lane=lane, field=_field(CONSTANT, 0, at, 0))
    return Position(name, entry=entry, field=_field(form, within, bit, Layout.of(chip).mask))


def named(pieces: Sequence[PieceRef], array: int, wordline: int, bitline: int) -> str | None:
    """The weight that a cell is part of; None if no piece covers it."""
    found = (p.weight(wordline, bitline) for p in pieces if p.array == array)
    return next((name for name in found if name), None)


def table(kind: int, chip: Chip) -> tuple[Entry, int]:
    """The entries of a memory, and the words of one; of cells and offsets, a wordline and a column."""
    layout = Layout.of(chip)
    return {
        PROGRAM: (PROGRAM_ENTRY, PROGRAM_ENTRY.words),
        STEPS: (STEP, layout.step),
        LOADS: (LOAD, layout.load),
        TILES: (TILE, layout.tile),
        CONSTANTS: (CONSTANT, layout.constant),
        WALKS: (WALK, WALK.words),
        TRIMS: (OFFSET, OFFSET.words),
        CELLS: (OFFSET, layout.row),
    }[kind]


def in_stream(word: int, bit: int, parts: Sequence[Section], chip: Chip, pieces: Sequence[PieceRef] = ()) -> str:
    """What a bit of a word of the whole image belongs to, for people, with the number of its section."""
    if word < HEADER.words:
        return f"header, {HEADER.fields[word].name}"
    start = HEADER.words
    for number, part in enumerate(parts):
        payload = start + SECTION.words
        end = payload + len(part.words)
        if word <= end:
            of = f"section {number}"
            if word < payload:
                return f"{of} ({part.name}), its {('target', 'first address', 'length')[word - start]}"
            if word == end:
                return f"{of} ({part.name}), its CRC"
            return f"{of}, {position(part.kind, part.index, part.first + word - payload, bit, chip, pieces)}"
        start = end + 1
    return "CRC of the image"


def bits_of(value: int) -> Iterator[int]:
    """The bits of a number that are set, rising."""
    while value:
        low = value & -value
        yield low.bit_length() - 1
        value ^= low


def _field(form: Entry, word: int, bit: int, mask_words: int) -> str:
    """The field, or the mask with its array, that a bit of an entry belongs to."""
    for f in form.fields:
        if f.word == word and f.bits >> bit & 1:
            return f.name
    number, within = divmod(word - form.words, mask_words) if mask_words and word >= form.words else (-1, 0)
    if 0 <= number < len(form.masks):
        return f"{form.masks[number].name}, array {WORD * within + bit}"
    return UNUSED
