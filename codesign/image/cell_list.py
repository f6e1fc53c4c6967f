"""cells.csv: every cell that is not at level 0, with the weight it is part of, for test floors."""

import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.image.manifest import ArrayRef

COLUMNS = ("array", "wordline", "bitline", "level", "code", "layer", "input", "output", "polarity")
LISTED = 1 << 20  # cells, some 25 MB: longer lists are written on request

Held = tuple[ArrayRef, NDArray[np.uint8]]  # an array, and its levels (rows, columns)


def cell_list(arrays: Iterable[Held], chip: Chip) -> Iterator[bytes]:
    """The lines of cells.csv, array by array: address of a cell, level, conductance code, place in the layer."""
    yield _line(COLUMNS).encode()
    codes = chip.device.codes
    for ref, levels in arrays:
        layer, bitlines = _line([ref.layer])[:-1], range(levels.shape[1])
        address = [f"{c}," for c in bitlines]
        held = [f"{level},{code},{layer}," for level, code in enumerate(codes)]
        after = [f",{ref.outputs[0] + c // 2},{'+-'[c % 2]}\n" for c in bitlines]
        lines: list[str] = []
        for wordline, row in enumerate(levels):
            start, middle = f"{ref.array},{wordline},", str(ref.inputs[0] + wordline)
            at = row.nonzero()[0]
            lines += [
                start + address[c] + held[level] + middle + after[c]
                for c, level in zip(at.tolist(), row[at].tolist(), strict=True)
            ]
        yield "".join(lines).encode()


def is_listed(arrays: Iterable[Held]) -> bool:
    """Whether the list is short enough to be part of every image folder."""
    return sum(int(np.count_nonzero(levels)) for _, levels in arrays) <= LISTED


def _line(values: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
