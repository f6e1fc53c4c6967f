"""The floorplan: every array of the chip, every cell that holds a weight once, and words for each piece."""

import numpy as np

from codesign.mapping import place, usage
from codesign.mapping.cells import to_codes, to_weights
from codesign.views.floor import floor
from tests.mapping.sliced import sliced_net
from tests.program.builds import TINY, built


def test_every_array_and_every_weight_cell() -> None:
    mapping = built().mapping
    found = floor(mapping)
    assert [s.array for s in found.squares] == list(range(TINY.arrays.count))
    assert found.used == len(mapping.arrays) < TINY.arrays.count
    cells = TINY.arrays.rows * TINY.columns
    held = sum(u.cells for u in usage(mapping.plan)) // 2
    assert round(sum(s.share for s in found.squares) * cells) == held
    assert found.share == held / (cells * found.used)
    assert found.layers == ("fc1", "fc2")


def test_nothing_lies_outside_of_the_pieces() -> None:
    mapping = built().mapping
    for use in mapping.arrays:
        weights = to_weights(to_codes(use.levels, TINY.device))
        for p in floor(mapping).squares[use.array].pieces:
            weights[p.wordline : p.wordline + p.rows, p.at : p.at + p.columns] = 0
        assert not weights.any()


def test_slices_are_told() -> None:
    mapping = place(sliced_net([12, 4, 3], (2, 1), TINY), TINY)
    pieces = [p for s in floor(mapping).squares for p in s.pieces]
    words = [p.told for p in pieces]
    assert {p.slice for p in pieces} == {0, 1}
    assert sum(", slice 1" in w for w in words) == sum(p.slice == 1 for p in pieces) > 0
    first = next(p for p in pieces if p.layer == "fc1" and not p.slice)
    assert first.told.startswith("fc1: inputs 0 to 11, outputs 0 to 3; wordlines ")
    assert np.prod([first.rows, first.columns]) == 48
