"""A lone image file, without its program: every checksum, every entry, and where a single wrong byte must be."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.layout import HEADER, SECTION
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.delta import merged
from codesign.image.faults import faults
from codesign.image.files import read_words
from codesign.image.position import bits_of, in_stream
from codesign.image.words import Image, examine

MOST = 1 << 17  # bytes; in more, chance finds a byte for one damage in a hundred
_ZERO = crc32([0])
_TABLE = [crc32([v << 24]) ^ _ZERO for v in range(256)]  # what a last byte changes in a CRC
_BY_TOP = {value >> 24: v for v, value in enumerate(_TABLE)}


@dataclass(frozen=True)
class Wrong:
    """A byte, and the bits in it that are wrong."""

    byte: int
    bits: int


def verify_file(path: Path, chip: Chip, base: Image | None = None) -> Image:
    """Check a lone file of any format for a chip. base: the image below a delta image.

    Raises ImageError with a line for each damage.
    """
    found = read_words(path, chip)
    parsed, lines = examine(found.data, chip, str(path))
    problems = found.problems + lines
    if parsed is not None and problems:
        problems += [f"{path}: {line}; copy or compile it again" for line in single(found.data, parsed, chip)]
    if parsed is not None and not problems:
        whole = parsed if base is None else merged(base, parsed, str(path))
        problems += [f"{path}: {line}; compile again" for line in faults(whole, chip)]
    if problems or parsed is None:
        raise ImageError("\n".join(problems))
    return parsed


def single(data: bytes, image: Image, chip: Chip | None) -> Iterator[str]:
    """Of each part whose CRC is wrong, the only byte that can be, if no other is: its number and what it belongs to.

    Without the chip, of the header alone.
    """
    words = np.frombuffer(data, "<u4")
    starts = [(0, HEADER.words - 1)]
    for s in image.sections if chip else ():
        first = starts[-1][1] + 1
        starts.append((first, first + SECTION.words + len(s.words)))
    for first, end in starts:
        wrong = wrong_byte(words[first:end], int(words[end]))
        if wrong is None:
            continue
        at = 4 * first + wrong.byte
        bits = [(at // 4, 8 * (at % 4) + bit) for bit in bits_of(wrong.bits)]
        places = dict.fromkeys(in_stream(*bit, image.sections, chip) if chip else "header" for bit in bits)
        yield (
            f"byte {at} holds 0x{data[at]:02x} and must hold 0x{data[at] ^ wrong.bits:02x}, if it is the only wrong "
            f"one there ({'; '.join(places)})"
        )


def wrong_byte(words: NDArray[np.uint32], crc: int) -> Wrong | None:
    """The byte of some words and their CRC that differs from what was written, if one alone can, and no other.

    A byte that is wrong by v changes the CRC by what v does as the last byte, and then by as many bytes of 0 as follow.
    """
    size, changed = 4 * len(words), crc32(words) ^ crc
    if not changed or size > MOST:
        return None
    found = [Wrong(size + k, changed >> 8 * k) for k in range(4) if changed == changed & 0xFF << 8 * k]
    for byte in range(size - 1, -1, -1):
        last = _BY_TOP[changed >> 24]
        if _TABLE[last] == changed:
            found.append(Wrong(byte, last))
        changed = (changed ^ _TABLE[last]) << 8 & 0xFFFFFFFF | last  # without the byte that follows
    return found[0] if len(found) == 1 else None
