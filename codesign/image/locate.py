"""Where a damaged file of an image differs: every cell by array, wordline and bitline, every entry by its field."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.image.files import BIN, HEX, LIST, MANIFEST, SUMS, hex_name
from codesign.image.manifest import PieceRef
from codesign.image.position import bits_of, in_stream, position
from codesign.image.words import Section

MOST = 10_000  # places told of one file; more are counted


@dataclass(frozen=True)
class Contents:
    """What an image folder was written from: its sections, and what each array holds."""

    parts: tuple[Section, ...]
    pieces: tuple[PieceRef, ...]
    chip: Chip


def differences(name: str, got: bytes, want: bytes, contents: Contents, most: int = MOST) -> list[str]:
    """Every difference of file `name` for people, at most `most` of them and a line that counts the rest.

    As `byte 712 is wrong (cells of array 3, wordline 5, bitline 12, weight fc1[6, 21])`. Where bytes are lost or come
    in between, the shortest explanation is told: which part is replaced, or that the end is missing.
    """
    places = _Places(name, got, want, contents)
    unlike, size = _unlike(got, want), min(len(got), len(want))
    off = abs(len(got) - len(want))
    head = int(unlike[0]) if len(unlike) else size
    tail = _common_end(got, want, size - head)
    if off and max(len(got), len(want)) - head - tail < len(unlike) + off:
        return [_replaced(places, head, tail)]
    if name in (MANIFEST, SUMS) and got.count(b"\n") == want.count(b"\n"):
        pairs = enumerate(zip(got.split(b"\n"), want.split(b"\n"), strict=True), 1)
        return [f"line {k} is wrong" for k, (one, other) in pairs if one != other]
    found: dict[str, int] = {}  # first byte by place: a byte may hold several cells, a field several bytes
    looked = 0
    for at in unlike.tolist():
        if len(found) >= most:
            break
        looked += 1
        for place in places.at(at):
            found.setdefault(place or f"byte {at}", at)
    lines = [
        f"byte {at} is wrong" + ("" if place == f"byte {at}" else f" ({place})")
        for place, at in list(found.items())[:most]
    ]
    if looked < len(unlike):
        lines.append(f"{len(unlike) - looked:,} more bytes are wrong")
    if off:
        since = places.first(len(got)) if len(got) < len(want) else ""
        lines.append(f"holds {len(got):,} bytes, not {len(want):,}{since}")
    return lines


def _replaced(places: "_Places", head: int, tail: int) -> str:
    """Bytes `head` on, up to the last `tail`, are others."""
    lost, put = len(places.want) - head - tail, len(places.got) - head - tail
    what = f"{lost:,} bytes are missing" if not put else f"{put:,} bytes are too many"
    if lost and put:
        what = f"{put:,} bytes stand instead of {lost:,}"
    return f"from byte {head} on {what}{places.first(head)}"


def _unlike(got: bytes, want: bytes) -> NDArray[np.intp]:
    size = min(len(got), len(want))
    return np.flatnonzero(np.frombuffer(got[:size], np.uint8) != np.frombuffer(want[:size], np.uint8))


def _common_end(got: bytes, want: bytes, most: int) -> int:
    """Bytes that both end with, at most `most`."""
    if not most:
        return 0
    unlike = np.frombuffer(got[-most:], np.uint8) != np.frombuffer(want[-most:], np.uint8)
    return int(unlike[::-1].argmax()) if unlike.any() else most


@dataclass(frozen=True)
class _Places:
    """What the bytes of a file belong to."""

    name: str
    got: bytes
    want: bytes
    contents: Contents

    def first(self, at: int) -> str:
        """Where the byte `at` of the wanted file belongs, in brackets."""
        whole = _Places(self.name, self.want, self.want, self.contents)
        found = next(whole.at(min(at, len(self.want) - 1)), "") if self.want else ""
        return f" ({found})" if found else ""

    def at(self, at: int) -> Iterator[str]:
        """What the bits that differ in a byte belong to; of equal bytes, the first bit. Empty where it is not known."""
        name, contents = self.name, self.contents
        chip, pieces = contents.chip, contents.pieces
        if name == BIN:
            for bit in bits_of(self.got[at] ^ self.want[at] or 1):
                yield in_stream(at // 4, 8 * (at % 4) + bit, contents.parts, chip, pieces)
        elif name == HEX:
            for bit in self._digit(at, 7 - at % 9):
                yield in_stream(at // 9, bit, contents.parts, chip, pieces)
        elif name == LIST:
            line = int(np.searchsorted(self._ends, at))
            cell = self._line(line).split(",")[:3]
            of = "cells of array {}, wordline {}, bitline {}".format(*cell) if line else ""
            yield f"line {line + 1}" + (f", {of}" if of else "")
        else:
            for part in contents.parts:
                of, width = hex_name(part, chip)
                if of == name:
                    line, column = divmod(at, 8 * width + 1)
                    for bit in self._digit(at, 8 * width - 1 - column):
                        word = part.first + line * width + bit // 32
                        yield str(position(part.kind, part.index, word, bit % 32, chip, pieces))
                    return
            yield ""

    @cached_property
    def _ends(self) -> NDArray[np.intp]:
        """Where the lines of the wanted file end."""
        return np.flatnonzero(np.frombuffer(self.want, np.uint8) == ord("\n"))

    def _line(self, number: int) -> str:
        start = int(self._ends[number - 1]) + 1 if number else 0
        return self.want[start : int(self._ends[number])].decode()

    def _digit(self, at: int, place: int) -> Iterator[int]:
        """Bits of the line's number where the hex digits at `at` differ; `place` counts digits from the right."""
        try:
            unlike = int(self.got[at : at + 1], 16) ^ int(self.want[at : at + 1], 16) or 1
        except ValueError:  # not a digit
            unlike = 1
        for bit in bits_of(unlike):
            yield max(0, 4 * place) + bit
