"""Images that write only the cells that differ, and levels read back from a chip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.layout import CELLS
from codesign.devices.table import Mistakes, read_table
from codesign.errors import ImageError
from codesign.image.compare import Change, levels_of
from codesign.image.manifest import PieceRef
from codesign.image.position import Position, named
from codesign.image.tables import memories
from codesign.image.words import KINDS, Image, Section


def delta(old: Image, new: Image, chip: Chip) -> tuple[Section, ...]:
    """The sections of an image that makes a chip with `old` hold what `new` says.

    Tables, constants and offsets whole; of cells only the words that hold a cell that differs, or that `old` does not
    write. The other cells of such a word get the level that they have.
    """
    before = memories(old, chip)
    rest = [s for s in new.sections if s.kind != CELLS]
    for (kind, index), words in sorted(memories(new, chip).items()):
        if kind != CELLS:
            continue
        held = before.get((kind, index), np.full_like(words, -1))
        at = np.flatnonzero((words >= 0) & (words != held))
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(at) else ():
            rest.append(Section(CELLS, index, int(run[0]), words[run].astype("<u4")))
    return tuple(rest)


def merged(old: Image, new: Image, where: str) -> Image:
    """What a chip holds after both images, one after the other. Raises ImageError when they are for two chips."""
    if old.chip_id != new.chip_id:
        raise ImageError(
            f"{where}: is for the chip with id 0x{new.chip_id:08x}, the image below it for 0x{old.chip_id:08x}; "
            "give two images for one chip"
        )
    return Image(new.chip_id, new.crc, (*old.sections, *new.sections))


def changed_cells(old: Image, new: Image, chip: Chip) -> dict[int, NDArray[np.bool_]]:
    """Cells (rows, columns) of each array of `new` that differ from `old`, or that `old` does not write."""
    before, after = cell_levels(old, chip), cell_levels(new, chip)
    nothing = np.full((chip.arrays.rows, chip.arrays.columns), -1, np.int16)
    return {a: (held >= 0) & (held != before.get(a, nothing)) for a, held in after.items()}


def cell_levels(image: Image, chip: Chip) -> dict[int, NDArray[np.int16]]:
    """Levels (rows, columns) that an image writes, by array; -1 where it does not."""
    return {index: levels_of(words, chip) for (kind, index), words in memories(image, chip).items() if kind == CELLS}


def read_levels(path: Path, chip: Chip) -> dict[int, NDArray[np.int16]]:
    """Levels of the cells that a CSV file lists (array, wordline, bitline, level), -1 for others. Raises InputError."""
    table, mistakes = read_table(path, chip, [("level",)]), Mistakes(path)
    top = chip.device.levels - 1
    levels = np.full(len(table.lines), -1, np.int16)
    for k, text in enumerate(table.columns["level"]):
        if text.isdecimal() and int(text) <= top:
            levels[k] = int(text)
        else:
            mistakes.add(int(table.lines[k]), f"level must be 0..{top}, got {text[:20]!r}")
    mistakes.check()
    found: dict[int, NDArray[np.int16]] = {}
    for array in np.unique(table.array).tolist():
        mine = table.array == array
        found[array] = np.full((chip.arrays.rows, chip.arrays.columns), -1, np.int16)
        found[array][table.wordline[mine], table.bitline[mine]] = levels[mine]
    return found


def compared(image: Image, found: dict[int, NDArray[np.int16]], chip: Chip) -> int:
    """How many cells both an image writes and `found` tells."""
    held = cell_levels(image, chip)
    return sum(int(((held[a] >= 0) & (levels >= 0)).sum()) for a, levels in found.items() if a in held)


def level_changes(
    image: Image, found: dict[int, NDArray[np.int16]], chip: Chip, pieces: Sequence[PieceRef] = ()
) -> Iterator[Change]:
    """Cells of `found` whose level is not the one that the image writes; it says nothing of those it does not."""
    held = cell_levels(image, chip)
    nothing = np.full((chip.arrays.rows, chip.arrays.columns), -1, np.int16)
    for array, levels in sorted(found.items()):
        want = held.get(array, nothing)
        own = [p for p in pieces if p.array == array]
        for wordline, bitline in np.argwhere((levels >= 0) & (want >= 0) & (levels != want)).tolist():
            place = Position(KINDS[CELLS], array, wordline, bitline, named(own, array, wordline, bitline))
            yield Change(place, int(want[wordline, bitline]), int(levels[wordline, bitline]))
