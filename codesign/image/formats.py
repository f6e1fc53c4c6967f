"""The words of an image in the formats of test floors: bin, $readmemh, Intel HEX and Motorola S-records."""

import re
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bincopy  # type: ignore[import-untyped]
import numpy as np

from codesign.errors import ImageError, UnsupportedError

SUFFIXES = {  # the first is the one that we write
    "bin": (".bin",),
    "readmemh": (".hex", ".mem"),
    "ihex": (".ihex", ".ihx", ".mcs"),
    "srec": (".srec", ".s37", ".s28", ".s19", ".mot"),
}
SPREAD = 8  # bytes of text for a byte of data: lines of four bytes, with CR and LF
TOP = 1 << 32  # addresses end here
_LINE = 32  # bytes of data in a line that we write


Record = tuple[Any, int, int, bytes]  # type, address, bytes of data, the data


class Read(NamedTuple):
    """What a file holds: its bytes from the first address on, and a line for each damage. Lost bytes are 0."""

    data: bytes
    problems: list[str]
    address: int = 0  # of the first byte


def format_of(path: Path, told: str | None = None) -> str:
    """The format of a file to write: as told, otherwise by its name. Raises UnsupportedError."""
    if told is None:
        told = next((form for form, ends in SUFFIXES.items() if path.suffix.lower() in ends), None)
        if told is None:
            known = ", ".join(ends[0] for ends in SUFFIXES.values())
            raise UnsupportedError(f"{path}: its name tells no format; end it in {known} or name one with --format")
    if told not in SUFFIXES:
        raise UnsupportedError(f"format {told!r}: is not supported; use {', '.join(SUFFIXES)}")
    return told


def guessed(path: Path, data: bytes) -> str:
    """The format of a file that was read: by its name where that is plain, otherwise by its contents.

    Intel HEX files are often called .hex, too: its lines begin with a colon.
    """
    form = next((form for form, ends in SUFFIXES.items() if path.suffix.lower() in ends), None)
    if form not in (None, "readmemh"):
        return str(form)
    head = data[:4096]
    if len(re.findall(rb"^\s*:[0-9a-fA-F]{10}", head, re.MULTILINE)) > 0:
        return "ihex"
    if re.search(rb"^\s*S[0-9][0-9a-fA-F]{6}", head, re.MULTILINE):
        return "srec"
    return form or ("readmemh" if re.match(rb"\s*[0-9a-fA-F]{8}\s", head) else "bin")


def encode(data: bytes, form: str, address: int = 0) -> bytes:
    """An image's bytes as a file of a format. address: of the first byte, in ihex and srec.

    Raises ImageError for an address at which it does not fit, or where the format has none.
    """
    if not 0 <= address <= TOP - len(data):
        raise ImageError(f"--address {address:#x}: {len(data):,} bytes end past 0x{TOP - 1:x}; choose a lower address")
    if address and form not in ("ihex", "srec"):
        raise ImageError(f"--address 0x{address:x}: {form} files have no addresses; use ihex or srec")
    if form == "bin":
        return data
    if form == "readmemh":
        return (np.frombuffer(data, "<u4").astype(">u4").tobytes().hex("\n", 4) + "\n").encode()
    held = bincopy.BinFile()
    held.add_binary(data, address=address)
    if form == "ihex":
        return str(held.as_ihex(_LINE, 32)).encode()
    held.header = "codesign"
    held.execution_start_address = address  # makes the S7 line that ends a file
    return str(held.as_srec(_LINE, 32)).encode()


def decode(data: bytes, form: str) -> Read:
    """Inverse of `encode`, as far as the file allows; lines may come in any order, with spaces around them."""
    if form == "bin":
        return Read(data, [])
    return {"readmemh": _readmemh, "ihex": _ihex, "srec": _srec}[form](data)


def _readmemh(data: bytes) -> Read:
    words, problems = bytearray(), []
    for number, line in _lines(data):
        if re.fullmatch(r"[0-9a-fA-F]{8}", line):
            words += bytes.fromhex(line)[::-1]
            continue
        problems.append(f"line {number}: {_shown(line)} is not a word of 8 hex digits")
        words += bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "0", line))[::-1] if len(line) == 8 else bytes(4)
    return Read(bytes(words), problems)


def _ihex(data: bytes) -> Read:
    memory, base, ended = _Memory("an Intel HEX"), 0, False
    for number, line in _lines(data):
        record = memory.unpacked(number, line, bincopy.unpack_ihex, ":", (0,))
        if record is None:
            continue
        kind, address, size, held = record
        if ended:
            memory.problems.append(f"line {number}: follows the end record")
        if kind == 0:
            memory.put(number, base + address, held)
        elif kind == 1:
            ended = True
        elif kind in (2, 4) and size == 2:
            base = int.from_bytes(held, "big") << (4 if kind == 2 else 16)
        elif kind not in (3, 5):
            memory.problems.append(f"line {number}: record type {kind} with {size} bytes is not known")
    if not ended:
        memory.problems.append("has no end record (:00000001FF): it is cut off")
    return memory.read()


def _srec(data: bytes) -> Read:
    memory, count, told, ended = _Memory("an S-record"), 0, None, False
    for number, line in _lines(data):
        record = memory.unpacked(number, line, bincopy.unpack_srec, "S", "123")
        if record is None:
            continue
        kind, address, _, held = record
        if ended:
            memory.problems.append(f"line {number}: follows the end record")
        if kind in "123":
            count += 1
            memory.put(number, address, held)
        elif kind in "56":
            told = address
        elif kind in "789":
            ended = True
    if told is not None and told != count:
        memory.problems.append(f"holds {count} good data lines, its S5 line counts {told}")
    if told is None and not ended:
        memory.problems.append("has no S5, S7, S8 or S9 line at its end: it is cut off")
    return memory.read()


class _Memory:
    """Data lines on their way to one block of bytes."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.parts: list[tuple[int, int, bytes]] = []  # address, line, bytes
        self.problems: list[str] = []
        self.doubtful: set[int] = set()  # lines whose checksums are wrong

    def unpacked(
        self, number: int, line: str, unpack: Callable[[str], Record], start: str, data: Container[Any]
    ) -> Record | None:
        """A line's record; None and a problem more if it is none, or damaged and not of the kinds that hold `data`."""
        try:
            if not line.isascii() or not re.fullmatch(rf"{start}[0-9a-fA-FS:]*", line):
                raise ValueError
            return unpack(line)
        except (bincopy.Error, ValueError, IndexError) as e:
            crc = re.search(r"expected crc '(\w+)' .* got '(\w+)'", str(e), re.DOTALL)
            wrong = f"its checksum is 0x{crc[2]}, its contents give 0x{crc[1]}" if crc else f"is not {self.form} line"
            self.problems.append(f"line {number}: {_shown(line)}: {wrong}")
            if crc is None:
                return None
            record = unpack(line[: -len(crc[1])] + crc[1])
            self.doubtful.add(number)
            return record if record[0] in data else None

    def put(self, number: int, address: int, held: bytes) -> None:
        self.parts.append((address, number, bytes(held)))

    def _trusted(self) -> list[tuple[int, int, bytes]]:
        """All good lines, and those damaged ones that lie on no other and begin or end beside one.

        The address of a damaged line may be what is wrong.
        """
        good = sorted(p for p in self.parts if p[1] not in self.doubtful)
        ends, starts = {a + len(held) for a, _, held in good}, {a for a, _, _ in good}
        for address, number, held in (p for p in self.parts if p[1] in self.doubtful):
            end = address + len(held)
            k = bisect_left(good, (end,))
            free = not k or good[k - 1][0] + len(good[k - 1][2]) <= address
            if free and (address in ends or end in starts):
                good.insert(k, (address, number, held))
        return good

    def read(self) -> Read:
        """The bytes from the lowest address on, without what lies apart."""
        parts = self._trusted()
        if not parts:
            return Read(b"", [*self.problems, "holds no data"])
        first, held, total = parts[0][0], bytearray(), sum(len(data) for _, _, data in parts)
        for address, number, data in parts:
            at, end = address - first, len(held)
            if at > end:
                what = f"addresses 0x{first + end:x} to 0x{address - 1:x} are missing before line {number}"
                self.problems.append(what)
                if at - end > total + 4096:
                    break
                held += bytes(at - end)
            elif at < end:
                self.problems.append(f"line {number}: writes address 0x{address:x} again")
                data = data[end - at :]
            held += data
        return Read(bytes(held), self.problems, first)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the lines that are not empty."""
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.strip().decode("latin-1")
        if text:
            yield number, text


def _shown(line: str) -> str:
    return repr(line if len(line) <= 24 else f"{line[:21]}...")
