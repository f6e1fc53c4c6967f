"""Matrices to tiles."""

import pytest

from codesign.chip.description import Chip
from codesign.mapping.tiles import arrays_of, split_columns, split_rows

TINY = Chip.load("tiny")  # 16 rows, 8 signed columns, 4 lanes
WIDE = Chip.load("reference-128")  # 128 rows, 64 signed columns, 8 lanes


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [(1, [(0, 1)]), (16, [(0, 16)]), (17, [(0, 16), (16, 1)]), (33, [(0, 16), (16, 16), (32, 1)])],
)
def test_row_tiles_are_memory_words(inputs: int, expected: list[tuple[int, int]]) -> None:
    assert split_rows(inputs, TINY) == expected


@pytest.mark.parametrize(
    ("outputs", "chip", "expected"),
    [
        (1, TINY, [(0, 1)]),
        (8, TINY, [(0, 8)]),
        (9, TINY, [(0, 8), (8, 1)]),
        (12, TINY, [(0, 8), (8, 4)]),
        (128, WIDE, [(0, 64), (64, 64)]),
        (72, WIDE, [(0, 40), (40, 32)]),  # nine groups: 5 and 4, not 8 and 1
        (100, WIDE, [(0, 56), (56, 44)]),
    ],
)
def test_column_tiles_are_balanced(outputs: int, chip: Chip, expected: list[tuple[int, int]]) -> None:
    assert split_columns(outputs, chip) == expected


@pytest.mark.parametrize("chip", [TINY, WIDE, "odd"], ids=["tiny", "reference-128", "odd"])
def test_column_tiles_cover_every_output_once(chip: Chip | str) -> None:
    if chip == "odd":  # 6 signed columns, 4 lanes: a full array ends in half a group
        chip = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"columns": 12})})
    assert isinstance(chip, Chip)
    for outputs in range(1, 200):
        tiles = split_columns(outputs, chip)
        assert [f for f, _ in tiles] == [sum(c for _, c in tiles[:k]) for k in range(len(tiles))]
        assert sum(c for _, c in tiles) == outputs
        assert all(0 < c <= chip.columns for _, c in tiles)
        assert all(c % chip.adc.lanes == 0 for _, c in tiles[:-1])
        groups = [-(-c // chip.adc.lanes) for _, c in tiles]
        assert max(groups) - min(groups) <= 1


def test_arrays_of() -> None:
    assert arrays_of(784, 128, WIDE) == 14
    assert arrays_of(17, 9, TINY) == 4
