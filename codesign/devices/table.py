"""Tables of cells in physical coordinates, as test floors have them: CSV with array, wordline and bitline."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import InputError, plain
from codesign.files import open_regular

PLACE = ("array", "wordline", "bitline")
TOLD = 20  # mistakes of a file
LINE = 256  # bytes of a line, at most


@dataclass(frozen=True, eq=False)
class CellTable:
    """The cells of a file, (cells,) each, and what its other columns say of them."""

    path: Path
    lines: NDArray[np.int64]  # of the file, from 1 on
    array: NDArray[np.int64]
    wordline: NDArray[np.int64]
    bitline: NDArray[np.int64]
    columns: dict[str, list[str]]


class Mistakes:
    """Lines about a file, raised together."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines, self.count = path, list[str](), 0

    def add(self, line: int, what: str) -> None:
        """One more, at a line of the file."""
        self.count += 1
        if len(self.lines) < TOLD:
            self.lines.append(f"{self.path}: line {line}: {what}")

    def check(self) -> None:
        """Raises InputError with all of them, or the first ones and their number."""
        if self.count > TOLD:
            self.lines.append(f"{self.path}: {self.count - TOLD:,} more lines are wrong")
        if self.lines:
            raise InputError("\n".join(self.lines))


def read_table(path: Path, chip: Chip, needed: Sequence[Sequence[str]]) -> CellTable:
    """A CSV file with a head line and a cell a line: its place, and columns that it may call as it likes.

    needed: names of columns, of each group of which one must be there. Raises InputError with every line that names no
    cell of the chip, or one that an earlier line has named.
    """
    cells = chip.arrays.count * chip.arrays.rows * chip.arrays.columns
    try:
        with open_regular(path, LINE * (cells + 1)) as f:
            rows = _rows(csv.reader(_text(f, path)), path)
            _, head = next(rows, (0, []))
            names = [name.strip() for name in head]
            _check_head(path, names, needed)
            return _read(path, names, rows, chip)
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); give a .csv file of cells") from None


def _text(f: Any, path: Path) -> Iterator[str]:
    for number, line in enumerate(f, 1):
        if len(line) > LINE * 8:
            raise InputError(f"{path}: line {number}: has {len(line):,} bytes; give a .csv file of cells")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").replace("\0", "\ufffd")
        except UnicodeDecodeError:
            raise InputError(f"{path}: line {number}: is not UTF-8 text; save it as UTF-8") from None


def _rows(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of the lines that are not empty and no comments."""
    try:
        for row in reader:
            if row and any(map(str.strip, row)) and not row[0].lstrip().startswith("#"):
                yield reader.line_num, row
    except csv.Error as e:
        raise InputError(f"{path}: line {reader.line_num}: is not CSV ({e}); give a .csv file of cells") from None


def _check_head(path: Path, names: list[str], needed: Sequence[Sequence[str]]) -> None:
    groups = [*((name,) for name in PLACE), *needed]
    lacks = [" or ".join(group) for group in groups if not {*group} & {*names}]
    if lacks:
        came = plain(", ".join(names)[:80])
        must = f"must name the columns {', '.join(lacks)}, divided by commas"
        raise InputError(f"{path}: its first line {must}, got {came!r}")
    twice = next((n for n in names if n and names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: its first line names the column {twice} twice; give each name once")


def _read(path: Path, names: list[str], rows: Iterator[tuple[int, list[str]]], chip: Chip) -> CellTable:
    sizes = chip.arrays.count, chip.arrays.rows, chip.arrays.columns
    at = [names.index(name) for name in PLACE]
    rest = {name: k for k, name in enumerate(names) if name and name not in PLACE}
    lines, places, columns = list[int](), list[tuple[int, ...]](), {name: list[str]() for name in rest}
    mistakes = Mistakes(path)
    for number, row in rows:
        if len(row) != len(names):
            mistakes.add(number, f"has {len(row)} values, the first line names {len(names)} columns")
            continue
        try:
            place = tuple(_whole(row[k]) for k in at)
        except ValueError:
            came = plain(", ".join(row[k].strip() for k in at)[:60])
            mistakes.add(number, f"array, wordline and bitline must be whole numbers, got {came}")
            continue
        outside = next((k for k in range(3) if not 0 <= place[k] < sizes[k]), None)
        if outside is not None:
            what = f"{PLACE[outside]} {place[outside]} is not on chip {chip.name}, which has 0..{sizes[outside] - 1}"
            mistakes.add(number, f"{what}; give a list of this chip")
            continue
        lines.append(number)
        places.append(place)
        for name, k in rest.items():
            columns[name].append(row[k].strip())
    found = np.array(places, np.int64).reshape(-1, 3)
    told = np.array(lines, np.int64)
    for first, second in _twice(found, told, sizes):
        place = tuple(found[np.flatnonzero(told == second)[0]].tolist())
        mistakes.add(second, "array {}, wordline {}, bitline {} was named in line {}; keep one".format(*place, first))
    mistakes.check()
    return CellTable(path, told, found[:, 0], found[:, 1], found[:, 2], columns)


def _whole(text: str) -> int:
    if not text.strip().lstrip("-").isdecimal():
        raise ValueError
    return int(text)


def _twice(places: NDArray[np.int64], lines: NDArray[np.int64], sizes: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Lines that name the cell of an earlier line: that one, and they."""
    flat = np.ravel_multi_index(tuple(places.T), sizes) if len(places) else np.zeros(0, np.int64)
    order = np.argsort(flat, kind="stable")
    same = flat[order][1:] == flat[order][:-1]
    pairs = zip(lines[order][:-1][same].tolist(), lines[order][1:][same].tolist(), strict=True)
    return sorted(pairs, key=lambda p: p[1])
