"""cells.csv: every cell that is not at level 0, with the weight it is part of, for test floors."""

import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.fixed import Ints
from codesign.image.manifest import ArrayRef
from codesign.ir.naming import input_numbers
from codesign.mapping import Mapping

COLUMNS = ("array", "wordline", "bitline", "level", "code", "layer", "input", "output", "polarity")
LISTED = 1 << 20  # cells, some 25 MB: longer lists are written on request

Held = tuple[ArrayRef, NDArray[np.uint8]]  # an array, and its levels (rows, columns)


def held_by(mapping: Mapping) -> list[Held]:
    """What the arrays of a mapping hold."""
    network = mapping.network
    numbers = {s.layer: (input_numbers(network, s.layer), network.numbers_of(s.layer)) for s in mapping.steps}
    found = []
    for u in mapping.arrays:
        inputs, outputs = (u.row, u.row + u.rows), (u.column, u.column + u.columns)
        rows, columns = numbers[u.layer]
        ref = ArrayRef(
            array=u.array,
            layer=u.layer,
            inputs=inputs,
            outputs=outputs,
            input_numbers=_numbers(rows, inputs),
            output_numbers=_numbers(columns, outputs),
        )
        found.append((ref, u.levels))
    return found


def cell_list(arrays: Iterable[Held], chip: Chip) -> Iterator[bytes]:
    """The lines of cells.csv, array by array: address of a cell, level, conductance code, weight it is part of.

    input and output are the numbers of the user's model, whatever units were removed: LAYER.weight[output, input].
    """
    yield _line(COLUMNS).encode()
    codes = chip.device.codes
    for ref, levels in arrays:
        layer, bitlines = _line([ref.layer])[:-1], range(2 * len(ref.named_outputs))
        address = [f"{c}," for c in bitlines]
        held = [f"{level},{code},{layer}," for level, code in enumerate(codes)]
        after = [f",{output},{sign}\n" for output in ref.named_outputs for sign in "+-"]
        lines: list[str] = []
        for wordline, (number, row) in enumerate(zip(ref.named_inputs, levels, strict=False)):  # inside the tile
            start, middle = f"{ref.array},{wordline},", str(number)
            at = row.nonzero()[0]
            lines += [
                start + address[c] + held[level] + middle + after[c]
                for c, level in zip(at.tolist(), row[at].tolist(), strict=True)
            ]
        yield "".join(lines).encode()


def is_listed(arrays: Iterable[Held]) -> bool:
    """Whether the list is short enough to be part of every image folder."""
    return sum(int(np.count_nonzero(levels)) for _, levels in arrays) <= LISTED


def _numbers(numbers: Ints, places: tuple[int, int]) -> tuple[int, ...] | None:
    """The user's numbers at these places; None where they are the places."""
    found = tuple(numbers[slice(*places)].tolist())
    return None if found == tuple(range(*places)) else found


def _line(values: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
