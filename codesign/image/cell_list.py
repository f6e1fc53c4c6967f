"""cells.csv: every cell that is not at level 0, with the weight it is part of, for test floors."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.fixed import Ints
from codesign.image.manifest import PieceRef
from codesign.ir import Network
from codesign.mapping import Mapping
from codesign.mapping.layer import Matrix

COLUMNS = ("array", "wordline", "bitline", "level", "code", "layer", "slice", "input", "output", "polarity")
LISTED = 1 << 20  # cells, some 25 MB: longer lists are written on request


class Held(NamedTuple):
    """What an array holds."""

    array: int
    pieces: tuple[PieceRef, ...]
    levels: NDArray[np.uint8]  # (rows, columns)


def held_by(mapping: Mapping) -> list[Held]:
    """What the arrays of a mapping hold."""
    network = mapping.network
    parts = {(n.name, n.outputs.start): n for n in mapping.layers if isinstance(n, Matrix)}
    rows = {key: _rows(n, network) for key, n in parts.items()}
    found = []
    for u in mapping.arrays:
        refs = []
        for p in sorted(u.pieces, key=lambda p: (p.wordline, p.at)):
            inputs, outputs = (p.row, p.row + p.rows), (p.column, p.column + p.columns)
            part = parts[p.layer, p.part]
            ref = PieceRef(
                array=u.array,
                wordline=p.wordline,
                column=p.at,
                layer=p.layer,
                slice=p.slice,
                inputs=inputs,
                outputs=outputs,
                kernel=part.kernel,
                groups=part.group,
                input_numbers=_numbers(rows[p.layer, p.part], inputs),
                output_numbers=_numbers(network.numbers_of(p.layer), outputs),
            )
            refs.append(ref)
        found.append(Held(u.array, tuple(refs), u.levels))
    return found


def cell_list(arrays: Iterable[Held], chip: Chip) -> Iterator[bytes]:
    """The lines of cells.csv, by array, wordline and bitline: level, conductance code, weight the cell is part of.

    input and output are the numbers of the user's model, whatever units were removed: LAYER.weight[output, input].
    """
    yield _line(COLUMNS).encode()
    for held in arrays:
        written = [_Piece(ref, chip) for ref in held.pieces]
        lines: list[str] = []
        for wordline in np.flatnonzero(held.levels.any(axis=1)).tolist():
            here = [p for p in written if p.ref.wordline <= wordline < p.end]
            for piece in sorted(here, key=lambda p: p.ref.column):
                lines += piece.lines(wordline, held.levels[wordline])
        yield "".join(lines).encode()


class _Piece:
    """The parts of a piece's lines that repeat."""

    def __init__(self, ref: PieceRef, chip: Chip) -> None:
        self.ref, self.end = ref, ref.wordline + len(ref.named_inputs)
        layer = _line([ref.layer])[:-1]
        first = 2 * ref.column
        self.bitlines = slice(first, first + 2 * len(ref.named_outputs))
        self.address = [f"{c}," for c in range(self.bitlines.start, self.bitlines.stop)]
        self.held = [f"{level},{code},{layer},{ref.slice}," for level, code in enumerate(chip.device.codes)]
        self.after = [f",{output},{sign}\n" for output in ref.named_outputs for sign in "+-"]

    def lines(self, wordline: int, row: NDArray[np.uint8]) -> Iterator[str]:
        start = f"{self.ref.array},{wordline},"
        middle = str(self.ref.number(wordline - self.ref.wordline))
        mine = row[self.bitlines]
        at = mine.nonzero()[0]
        for c, level in zip(at.tolist(), mine[at].tolist(), strict=True):
            yield start + self.address[c] + self.held[level] + middle + self.after[c]


def is_listed(arrays: Iterable[Held]) -> bool:
    """Whether the list is short enough to be part of every image folder."""
    return sum(int(np.count_nonzero(held.levels)) for held in arrays) <= LISTED


def _rows(part: Matrix, network: Network) -> Ints:
    """The user's number of every row, counted over all channels that its layer reads."""
    source, first = part.node.source, part.size.part.reads if part.size.part else 0
    return part.node.rows(network.numbers_of(source)[first:], network.shape_of(source))[part.order]


def _numbers(numbers: Ints, places: tuple[int, int]) -> tuple[int, ...] | None:
    """The user's numbers at these places; None where they are the places."""
    found = tuple(numbers[slice(*places)].tolist())
    return None if found == tuple(range(*places)) else found


def _line(values: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
