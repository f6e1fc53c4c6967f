"""Where a damaged file of an image differs: section and word, and of a cell the array, wordline and bitline."""

from dataclasses import dataclass

import numpy as np

from codesign.chip.description import Chip
from codesign.chip.layout import CELLS, HEADER, SECTION
from codesign.errors import plain
from codesign.image.files import BIN, HEX, LIST, hex_name
from codesign.image.manifest import PieceRef
from codesign.image.words import KINDS, Section


@dataclass(frozen=True)
class Contents:
    """What an image folder was written from: its sections, and what each array holds."""

    parts: tuple[Section, ...]
    pieces: tuple[PieceRef, ...]
    chip: Chip


def where(name: str, got: bytes, want: bytes, contents: Contents) -> str:
    """The first difference of file `name`, for people.

    As `byte 712 (cells of array 3, wordline 5, bitline 12, weight fc1[6, 21])`.
    """
    size = min(len(got), len(want))
    unlike = np.frombuffer(got[:size], np.uint8) != np.frombuffer(want[:size], np.uint8)
    if not unlike.any():
        return f"holds {len(got):,} bytes, not {len(want):,}"
    at = int(unlike.argmax())
    found = _meaning(name, at, got, want, contents)
    return f"byte {at} is wrong" + (f" ({found})" if found else "")


def _meaning(name: str, at: int, got: bytes, want: bytes, contents: Contents) -> str:
    if name == BIN:
        return _stream(at // 4, 8 * (at % 4) + _bit(got[at] ^ want[at]), contents)
    if name == HEX:
        return _stream(at // 9, _digit(got, want, at, 7 - at % 9), contents)
    if name == LIST:
        line = want.count(b"\n", 0, at) + 1
        return f"line {line}"
    for part in contents.parts:
        of, width = hex_name(part, contents.chip)
        if of == name:
            line, column = divmod(at, 8 * width + 1)
            word, bit = divmod(_digit(got, want, at, 8 * width - 1 - column), 32)
            return _word(part, line * width + word, bit, contents)
    return ""


def _bit(difference: int) -> int:
    return (difference & -difference).bit_length() - 1


def _digit(got: bytes, want: bytes, at: int, place: int) -> int:
    """Bit of the line's number where the hex digits at `at` differ; `place` counts digits from the right."""
    try:
        return 4 * place + _bit(int(got[at : at + 1], 16) ^ int(want[at : at + 1], 16) or 1)
    except ValueError:  # not a digit
        return max(0, 4 * place)


def _stream(word: int, bit: int, contents: Contents) -> str:
    """What a word of the whole image belongs to."""
    if word < HEADER.words:
        return f"header, word {word}"
    start = HEADER.words
    for number, part in enumerate(contents.parts):
        payload = start + SECTION.words
        end = payload + len(part.words)
        if word <= end:
            of = f"section {number}"
            if word < payload:
                return f"{of} ({part.name}), its {('target', 'first address', 'length')[word - start]}"
            if word == end:
                return f"{of} ({part.name}), its CRC"
            return f"{of}, {_word(part, word - payload, bit, contents)}"
        start = end + 1
    return "CRC of the image"


def _word(part: Section, word: int, bit: int, contents: Contents) -> str:
    """A word of a section; of cells, the one that holds the bit."""
    if part.kind != CELLS:
        return f"{part.name}, word {part.first + word}"
    chip = contents.chip
    wordline, within = divmod(part.first + word, chip.row_words)
    bitline = (32 * within + bit) // chip.device.level_bits
    cell = f"bitline {bitline}" if bitline < chip.arrays.columns else "bits past the last bitline"
    named = (p.weight(wordline, bitline) for p in contents.pieces if p.array == part.index)
    weight = next((name for name in named if name), None)
    of = f", weight {plain(weight)}" if weight else ""
    return f"{KINDS[CELLS]} of array {part.index}, wordline {wordline}, {cell}{of}"
