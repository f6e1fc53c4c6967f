"""Outputs to column groups of blocks, for every slice."""

import pytest

from codesign.chip.description import Chip
from codesign.mapping import tiles
from codesign.mapping.cells import most_slices
from codesign.mapping.tiles import Chunk, Place, across, columns_of, down, free_slices, own_arrays

TINY = Chip.load("tiny")  # 16 rows, 8 signed columns, 4 lanes
WIDE = Chip.load("reference-128")  # 128 rows, 64 signed columns, 8 lanes
ODD = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"columns": 12})})  # 6: ends in half a group
FINE = WIDE.model_copy(update={"device": WIDE.device.model_copy(update={"levels": 16, "code_bits": 4})})


@pytest.mark.parametrize(("inputs", "expected"), [(1, 1), (16, 1), (17, 2), (33, 3)])
def test_rows_below_each_other(inputs: int, expected: int) -> None:
    assert down(inputs, TINY) == expected


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
        (6, ODD, [(0, 6)]),  # the narrow group is used where it is the last
        (7, ODD, [(0, 4), (4, 3)]),
        (10, ODD, [(0, 4), (4, 4), (8, 2)]),
    ],
)
def test_columns_are_balanced(outputs: int, chip: Chip, expected: list[tuple[int, int]]) -> None:
    columns = columns_of(outputs, 1, chip)
    assert [(c.column, c.columns) for c in columns.chunks] == expected
    assert [c.slices for c in columns.chunks] == [(Place(k, 0),) for k in range(len(expected))]


def test_slices_follow_each_other_in_whole_groups() -> None:
    assert columns_of(3, 2, TINY).chunks == (Chunk(0, 3, (Place(0, 0), Place(0, 1))),)
    assert columns_of(3, 2, TINY).widths == (7,), "the first slice's last group is taken whole"
    assert columns_of(10, 2, WIDE).chunks == (Chunk(0, 10, (Place(0, 0), Place(0, 2))),)


def test_a_chunk_ends_where_the_block_of_any_slice_does() -> None:
    """Three groups twice are six, in blocks of two: the second slice begins in the middle of the second block."""
    columns = columns_of(11, 2, TINY)
    assert (columns.groups, columns.widths) == ((2, 2, 2), (8, 8, 7))
    assert columns.chunks == (
        Chunk(0, 4, (Place(0, 0), Place(1, 1))),
        Chunk(4, 4, (Place(0, 1), Place(2, 0))),
        Chunk(8, 3, (Place(1, 0), Place(2, 1))),
    )


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("chip", [TINY, WIDE, ODD], ids=["tiny", "reference-128", "odd"])
def test_every_output_of_every_slice_has_a_column_of_its_own(chip: Chip, slices: int) -> None:
    lanes = chip.adc.lanes
    for outputs in range(1, 150):
        columns = columns_of(outputs, slices, chip)
        assert [c.column for c in columns.chunks] == [
            sum(c.columns for c in columns.chunks[:k]) for k in range(len(columns.chunks))
        ]
        assert sum(c.columns for c in columns.chunks) == outputs
        assert all(c.columns % lanes == 0 for c in columns.chunks[:-1])
        assert max(columns.groups) - min(columns.groups) <= 1
        taken = [
            (place.block, place.group * lanes + n)
            for c in columns.chunks
            for place in c.slices
            for n in range(c.columns)
        ]
        assert len(set(taken)) == len(taken) == outputs * slices
        for block, (groups, width) in enumerate(zip(columns.groups, columns.widths, strict=True)):
            assert width <= chip.columns and groups == -(-width // lanes)
            assert max(column for b, column in taken if b == block) == width - 1


def test_as_few_blocks_as_possible() -> None:
    whole = WIDE.columns // WIDE.adc.lanes
    for outputs in range(1, 300):
        for slices in (1, 2, 3):
            groups = -(-outputs // WIDE.adc.lanes) * slices
            assert len(columns_of(outputs, slices, WIDE).groups) == -(-groups // whole)


def test_own_arrays() -> None:
    assert own_arrays(784, 128, 1, WIDE) == 14
    assert own_arrays(17, 9, 1, TINY) == 4
    assert own_arrays(17, 9, 2, TINY) == 6  # six groups
    assert own_arrays(784, 10, 3, WIDE) == 7  # two groups thrice in the same array


@pytest.mark.parametrize(
    ("outputs", "chip", "expected"),
    [
        (10, WIDE, 4),  # two of eight groups
        (8, WIDE, 8),
        (8, FINE, 3),  # eight times, were it not for the device: 31^3 combinations of digits, not 31^4
        (32, WIDE, 2),
        (33, WIDE, 1),
        (40, WIDE, 1),
        (64, WIDE, 1),
        (72, WIDE, 1),  # nine of sixteen groups
        (128, WIDE, 1),
        (4, TINY, 2),
        (5, TINY, 1),
    ],
)
def test_slices_for_nothing(outputs: int, chip: Chip, expected: int) -> None:
    assert free_slices(outputs, chip) == expected


@pytest.mark.parametrize("columns", [8, 12, 16, 40, 42, 64])
def test_free_slices_fill_the_arrays_and_no_more(columns: int) -> None:
    """As many as whole groups allow; one more needs another array. Two levels: the device allows eight."""
    device = TINY.device.model_copy(update={"levels": 2, "code_bits": 1})
    arrays = TINY.arrays.model_copy(update={"columns": columns})
    chip = TINY.model_copy(update={"arrays": arrays, "device": device})
    each, found = max(1, chip.columns // chip.adc.lanes), set()
    for outputs in range(1, 200):
        slices, groups = free_slices(outputs, chip), -(-outputs // chip.adc.lanes)
        found.add(slices)
        across = -(-groups // each)
        assert slices * groups <= across * each
        assert slices == 8 or (slices + 1) * groups > across * each
        assert chip.columns % chip.adc.lanes or across == len(columns_of(outputs, 1, chip).groups)
    assert most_slices(device) == 8 and {1, min(each, 8)} <= found


@pytest.mark.parametrize("chip", [TINY, WIDE, ODD, FINE], ids=["tiny", "wide", "odd", "fine"])
def test_blocks_are_counted_as_they_are_cut(chip: Chip) -> None:
    for outputs in range(1, 2 * chip.columns + 2):
        for slices in range(1, 6):
            assert across(outputs, slices, chip) == len(columns_of(outputs, slices, chip).groups)


def test_arrays_are_counted_without_cutting() -> None:
    """A refusal tries every width of a layer, so a wide one must not pay for the pieces of each."""
    before = tiles._columns.cache_info().misses
    assert [own_arrays(20, width, 2, TINY) for width in (10_001, 10_008)] == [2 * 2501, 2 * 2502]
    assert tiles._columns.cache_info().misses == before
