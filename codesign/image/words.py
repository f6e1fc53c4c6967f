"""The programming image as the chip takes it: a stream of 32-bit words in checked sections.

Specified in docs/image.md; xb_loader.v is the hardware twin of `parse`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import RTL_VERSION, Chip
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.descriptors import (
    CELLS,
    CONSTANTS,
    LOADS,
    PROGRAM,
    STEPS,
    TILES,
    TRIMS,
    Layout,
    encode_cells,
    encode_tables,
    encode_trim,
)
from codesign.mapping import Mapping

MAGIC = 0x4D494258  # "XBIM" read as bytes
_NONE = np.zeros(0, np.uint32)
KINDS = {
    PROGRAM: "program",
    STEPS: "steps",
    LOADS: "loads",
    TILES: "tiles",
    CONSTANTS: "constants",
    CELLS: "cells",
    TRIMS: "trims",
}


@dataclass(frozen=True, eq=False)
class Section:
    """Words for one memory: `kind` names it, `index` the array, `first` the word address they start at."""

    kind: int
    index: int
    first: int
    words: NDArray[np.uint32]  # read-only; any sequence of words becomes this

    def __post_init__(self) -> None:
        words = np.asarray(self.words, dtype="<u4").view()
        words.flags.writeable = False
        object.__setattr__(self, "words", words)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Section)
            and (self.kind, self.index, self.first) == (other.kind, other.index, other.first)
            and np.array_equal(self.words, other.words)
        )

    @property
    def block(self) -> NDArray[np.uint32]:
        """What its CRC covers: target, first address, length, payload."""
        head = np.array([self.kind << 24 | self.index, self.first, len(self.words)], dtype="<u4")
        return np.concatenate([head, self.words])

    @property
    def name(self) -> str:
        """For people: `steps`, or `cells of array 3`."""
        return KINDS[self.kind] + (f" of array {self.index}" if self.kind in (CELLS, TRIMS) else "")


@dataclass(frozen=True)
class Image:
    """A parsed image."""

    chip_id: int
    crc: int  # its last word
    sections: tuple[Section, ...]

    def find(self, kind: int, index: int = 0) -> Section:
        """The section of one memory. Raises ImageError when the image has none."""
        for s in self.sections:
            if (s.kind, s.index) == (kind, index):
                return s
        raise ImageError(f"image: has no {Section(kind, index, 0, _NONE).name} section; compile the network again")


def sections(mapping: Mapping) -> tuple[Section, ...]:
    """Everything the chip must be told to run the mapping."""
    result = [Section(PROGRAM, 0, 0, np.array([len(mapping.steps), mapping.beats]))]
    for kind, entries in encode_tables(mapping).items():
        result.append(Section(kind, 0, 0, np.array(entries, dtype="<u4").ravel()))
    for use in mapping.arrays:
        result.append(Section(CELLS, use.array, 0, encode_cells(use.levels, mapping.chip)))
        result.append(Section(TRIMS, use.array, 0, encode_trim(use.trim.gain, use.trim.shift, use.offset)))
    return tuple(result)


def stream(chip: Chip, parts: tuple[Section, ...]) -> NDArray[np.uint32]:
    """The whole image, (words,) as the chip takes them."""
    header = np.array([MAGIC, RTL_VERSION, chip.id, len(parts)], dtype="<u4")
    total = crc32(header)  # leaves the CRCs out: a CRC over data and its CRC would be the same for any data
    blocks = [header, np.array([total], dtype="<u4")]
    for s in parts:
        block = s.block
        total = crc32(block, total)
        blocks += [block, np.array([crc32(block)], dtype="<u4")]
    return np.concatenate([*blocks, np.array([total], dtype="<u4")])


def assemble(chip: Chip, parts: tuple[Section, ...]) -> list[int]:
    """`stream` as a list of integers."""
    return [int(w) for w in stream(chip, parts).tolist()]


def limits(chip: Chip) -> dict[int, int]:
    """Words that each memory holds."""
    layout, memory = Layout.of(chip), chip.memory
    return {
        PROGRAM: 2,
        STEPS: memory.steps * layout.step,
        LOADS: memory.loads * layout.load,
        TILES: memory.tiles * layout.tile,
        CONSTANTS: memory.constants * layout.constant,
        CELLS: chip.arrays.rows * layout.row,
        TRIMS: layout.trims,
    }


def most_words(chip: Chip) -> int:
    """Words of the longest image for a chip: every memory full, in one section each."""
    each = {k: 4 + n for k, n in limits(chip).items()}
    return 6 + sum(n * (chip.arrays.count if k in (CELLS, TRIMS) else 1) for k, n in each.items())


def parse(raw: bytes, chip: Chip | None, where: str = "image") -> Image:
    """Check an image exactly as the chip does, and take it apart. Without a chip, it may be for any.

    Raises ImageError that names the first fault: what is wrong, where, what was expected.
    """
    if len(raw) % 4 or len(raw) < 24:
        raise ImageError(
            f"{where}: is truncated, {len(raw)} bytes are not a whole number of words; copy or compile it again"
        )
    words = np.frombuffer(raw, dtype="<u4")
    got = [int(w) for w in words[:5]]
    if got[0] != MAGIC:
        raise ImageError(
            f"{where}: byte 0 holds 0x{got[0]:08x}, not the magic word 0x{MAGIC:08x}; this is not a programming image"
        )
    if got[1] != RTL_VERSION:
        raise ImageError(
            f"{where}: format 0x{got[1]:08x}, this codesign writes and reads 0x{RTL_VERSION:08x}; compile again"
        )
    if chip is not None and got[2] != chip.id:
        raise ImageError(
            f"{where}: is for the chip with id 0x{got[2]:08x}, {chip.name} has 0x{chip.id:08x}; "
            f"compile the network for {chip.name}"
        )
    total = crc32(words[:4])
    _check(where, "header", 16, got[4], total)
    at, found = 5, []
    for number in range(got[3]):
        if at + 3 > len(words):
            raise ImageError(
                f"{where}: is truncated, section {number} of {got[3]} is missing; copy or compile it again"
            )
        target, first, length = (int(w) for w in words[at : at + 3])
        kind, index = target >> 24, target & 0xFFFFFF
        if not _inside(kind, index, first, length, chip):
            raise ImageError(
                f"{where}: byte {at * 4}: section {number} (0x{target:08x}, "
                f"{length} words from {first}) lies outside {f'chip {chip.name}' if chip else 'any chip'}"
            )
        end = at + 3 + length
        if end + 1 > len(words):
            raise ImageError(
                f"{where}: is truncated in section {number}, {length} words promised; copy or compile it again"
            )
        section = Section(kind, index, first, words[at + 3 : end])
        _check(where, f"section {number} ({section.name})", end * 4, int(words[end]), crc32(words[at:end]))
        found.append(section)
        total = crc32(words[at:end], total)
        at = end + 1
    if at + 1 != len(words):
        raise ImageError(
            f"{where}: ends at byte {len(raw)}, its sections end at byte {at * 4 + 4}; copy or compile it again"
        )
    _check(where, "image", at * 4, int(words[at]), total)
    if not any(s.kind == PROGRAM for s in found):
        raise ImageError(f"{where}: holds no program section; compile the network again")
    return Image(got[2], int(words[at]), tuple(found))


def _inside(kind: int, index: int, first: int, length: int, chip: Chip | None) -> bool:
    """Whether the chip (any, without one) has the memory and the words of a section."""
    if kind not in KINDS or not length:
        return False
    if chip is None:
        return True
    words = limits(chip)[kind]
    within = index < (chip.arrays.count if kind in (CELLS, TRIMS) else 1) and length <= words - first
    return within and (kind != PROGRAM or length == words)


def _check(where: str, what: str, byte: int, got: int, want: int) -> None:
    if got != want:
        raise ImageError(
            f"{where}: {what} CRC at byte {byte} is 0x{got:08x}, contents give 0x{want:08x}; "
            "the file is damaged, copy or compile it again"
        )
