"""The programming image as the chip takes it: a stream of 32-bit words in checked sections.

Specified in docs/image.md; `parse` is the Python twin of xb_loader.v.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip import layout
from codesign.chip.description import IMAGE_FORMAT, RTL_VERSION, Chip
from codesign.chip.fields import Record
from codesign.chip.layout import (
    CELLS,
    CONSTANTS,
    HEADER,
    LOADS,
    MAGIC,
    PROGRAM,
    PROGRAM_ENTRY,
    SECTION,
    STEPS,
    TILES,
    TRIMS,
    WALK,
    WALKS,
    Layout,
)
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.descriptors import encode_cells, encode_offsets, encode_tables
from codesign.mapping import Mapping

_NONE = np.zeros(0, np.uint32)
_HEAD = SECTION.words
KINDS = {c.value: c.name for c in layout.KINDS}


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
        head = SECTION.record(kind=self.kind, index=self.index, first=self.first, length=len(self.words))
        return np.concatenate([np.array(SECTION.encode(head), dtype="<u4"), self.words])

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
    program = PROGRAM_ENTRY.record(steps=len(mapping.steps), beats=mapping.beats, outputs=mapping.network.outputs)
    result = [Section(PROGRAM, 0, 0, np.array(PROGRAM_ENTRY.encode(program)))]
    for kind, entries in encode_tables(mapping).items():
        result.append(Section(kind, 0, 0, np.array(entries, dtype="<u4").ravel()))
    for use in mapping.arrays:
        result.append(Section(CELLS, use.array, 0, encode_cells(use.levels, mapping.chip)))
        result.append(Section(TRIMS, use.array, 0, encode_offsets(use.offset)))
    return tuple(result)


def stream(chip: Chip, parts: tuple[Section, ...]) -> NDArray[np.uint32]:
    """The whole image, (words,) as the chip takes them."""
    record = HEADER.record(magic=MAGIC, format=IMAGE_FORMAT, chip=chip.id, sections=len(parts), crc=0)
    header = np.array(HEADER.encode(record), dtype="<u4")
    total = crc32(header[:-1])  # leaves the CRCs out: a CRC over data and its CRC would be the same for any data
    header[-1] = total
    blocks = [header]
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
    sizes, memory = Layout.of(chip), chip.memory
    return {
        PROGRAM: PROGRAM_ENTRY.words,
        STEPS: memory.steps * sizes.step,
        LOADS: memory.loads * sizes.load,
        TILES: memory.tiles * sizes.tile,
        CONSTANTS: memory.constants * sizes.constant,
        CELLS: chip.arrays.rows * sizes.row,
        TRIMS: sizes.trims,
        WALKS: memory.walks * WALK.words,
    }


def most_words(chip: Chip) -> int:
    """Words of the longest image for a chip: every memory full, in one section each."""
    each = {k: 4 + n for k, n in limits(chip).items() if n}
    return 6 + sum(n * (chip.arrays.count if k in (CELLS, TRIMS) else 1) for k, n in each.items())


def parse(raw: bytes, chip: Chip | None, where: str = "image") -> Image:
    """Check an image exactly as the chip does, and take it apart. Without a chip, it may be for any.

    Raises ImageError that names the first fault: what is wrong, where, what was expected.
    """
    image, problems = examine(raw, chip, where)
    if problems or image is None:
        raise ImageError(problems[0])
    return image


def examine(raw: bytes, chip: Chip | None, where: str = "image") -> tuple[Image | None, list[str]]:
    """`parse` that goes on behind wrong checksums: the image as it is, and a line for each fault.

    None when its parts cannot be told; the last line says why.
    """
    if len(raw) % 4 or len(raw) < 4 * (HEADER.words + 1):
        what = f"{len(raw)} bytes are not a whole number of words"
        return None, [f"{where}: is truncated, {what}; copy or compile it again"]
    words = np.frombuffer(raw, dtype="<u4")
    header = HEADER.decode(words[: HEADER.words].tolist())
    problems = list(_foreign(header, chip, where))
    if problems:
        return None, problems[:1]  # what another format or chip means by the rest is not known
    total = crc32(words[: HEADER.words - 1])
    problems += _check(where, "header", 4 * (HEADER.words - 1), header["crc"], words[: HEADER.words - 1])
    at, found = HEADER.words, []
    for number in range(header["sections"]):
        if at + _HEAD > len(words):
            what = f"section {number} of {header['sections']} is missing"
            return None, [*problems, f"{where}: is truncated, {what}; copy or compile it again"]
        head = words[at : at + _HEAD].tolist()
        told = SECTION.decode(head)
        if SECTION.strays(head) or not _inside(told, chip):
            chips = f"chip {chip.name}" if chip else "any chip"
            what = f"section {number} (0x{head[0]:08x}, {told['length']} words from {told['first']})"
            return None, [*problems, f"{where}: byte {at * 4}: {what} lies outside {chips}; copy or compile it again"]
        end = at + _HEAD + told["length"]
        if end + 1 > len(words):
            what = f"in section {number}, {told['length']} words promised"
            return None, [*problems, f"{where}: is truncated {what}; copy or compile it again"]
        section = Section(told["kind"], told["index"], told["first"], words[at + _HEAD : end])
        of = f"section {number} ({section.name})"
        problems += _check(where, of, end * 4, int(words[end]), words[at:end])
        found.append(section)
        total = crc32(words[at:end], total)
        at = end + 1
    if at + 1 != len(words):
        what = f"ends at byte {len(raw)}, its sections end at byte {at * 4 + 4}"
        return None, [*problems, f"{where}: {what}; copy or compile it again"]
    if not problems:  # else it follows from what is told
        problems += _mismatch(where, "image", at * 4, int(words[at]), total)
    if not any(s.kind == PROGRAM for s in found):
        problems.append(f"{where}: holds no program section; compile the network again")
    return Image(header["chip"], int(words[at]), tuple(found)), problems


def _foreign(header: Record, chip: Chip | None, where: str) -> Iterator[str]:
    """Why an image is none, or not for this version or this chip."""
    if header["magic"] != MAGIC:
        yield (
            f"{where}: byte 0 holds 0x{header['magic']:08x}, not the magic word 0x{MAGIC:08x}; "
            "this is not a programming image"
        )
    if not is_taken(header["format"]):
        yield (
            f"{where}: is of {spoken(header['format'])}, this codesign reads {spoken(IMAGE_FORMAT)} to "
            f"{_number(RTL_VERSION)}; compile the network again, for its chip.json and with --calibration if its "
            "ranges came from samples"
        )
    if chip is not None and header["chip"] != chip.id:
        yield (
            f"{where}: is for the chip with id 0x{header['chip']:08x}, {chip.name} has 0x{chip.id:08x}; "
            f"compile the network for {chip.name}"
        )


def is_taken(version: int) -> bool:
    """Whether a chip of this version takes images of a `version`: of its major, and of no later minor."""
    return version >> 16 == RTL_VERSION >> 16 and version <= RTL_VERSION


def spoken(version: int) -> str:
    """An image format for people."""
    return f"format {_number(version)}"


def _number(version: int) -> str:
    return f"{version >> 16}.{version & 0xFFFF}"


def _inside(section: Record, chip: Chip | None) -> bool:
    """Whether the chip (any, without one) has the memory and the words of a section."""
    kind, length = section["kind"], section["length"]
    if kind not in KINDS or not length:
        return False
    if chip is None:
        return True
    words = limits(chip)[kind]
    arrays = chip.arrays.count if kind in (CELLS, TRIMS) else 1
    within = section["index"] < arrays and length <= words - section["first"]
    return within and (kind != PROGRAM or length == words)


def _check(where: str, what: str, byte: int, got: int, words: NDArray[np.uint32]) -> list[str]:
    """A line if the CRC `got` is not that of the words before it."""
    return _mismatch(where, what, byte, got, crc32(words))


def _mismatch(where: str, what: str, byte: int, got: int, want: int) -> list[str]:
    if got == want:
        return []
    return [
        f"{where}: {what} CRC at byte {byte} is 0x{got:08x}, contents give 0x{want:08x}; "
        "the file is damaged, copy or compile it again"
    ]
