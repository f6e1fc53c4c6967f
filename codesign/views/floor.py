"""Where the layers lie: every array of a chip with the rectangles that it holds, and how full it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.mapping import ArrayUse, Mapping, Piece


@dataclass(frozen=True)
class Square(Brief):
    """One array. share: of its cells that hold weights, 0..1."""

    array: int
    pieces: tuple[Piece, ...]
    share: float


@dataclass(frozen=True)
class Floor(Brief):
    """The arrays of a chip one upon another, as the tall matrix that the compiler packs.

    rows, columns: wordlines and signed columns of an array. Arrays that hold nothing are listed, too. layers: those
    that have a matrix, in the order of the steps.
    """

    rows: int
    columns: int
    squares: tuple[Square, ...]
    layers: tuple[str, ...]

    @property
    def used(self) -> int:
        """Arrays that hold something."""
        return sum(bool(s.pieces) for s in self.squares)

    @property
    def share(self) -> float:
        """Of the cells of the used arrays, those that hold weights, 0..1."""
        return sum(s.share for s in self.squares) / self.used if self.used else 0.0


def floor(mapping: Mapping) -> Floor:
    """The floorplan of a mapping."""
    chip = mapping.chip
    held = {use.array: use.pieces for use in mapping.arrays}
    cells = chip.arrays.rows * chip.columns
    squares = tuple(
        Square(k, pieces, sum(p.rows * p.columns for p in pieces) / cells)
        for k in range(chip.arrays.count)
        for pieces in [held.get(k, ())]
    )
    layers = tuple(step.layer for step in mapping.steps if not step.is_vector)
    return Floor(chip.arrays.rows, chip.columns, squares, layers)


def with_weights(use: ArrayUse) -> NDArray[np.bool_]:
    """Which cells of an array hold weights, (wordlines, bitlines)."""
    found = np.zeros(use.levels.shape, dtype=bool)
    for p in use.pieces:
        found[p.wordline : p.wordline + p.rows, 2 * p.at : 2 * (p.at + p.columns)] = True
    return found
