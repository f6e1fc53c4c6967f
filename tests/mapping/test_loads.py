"""Rows to wordlines, and the runs that bring the activations there."""

import numpy as np
import pytest

from codesign.mapping.loads import Load, Run, Span, loads_of, spans


@pytest.mark.parametrize(
    ("first", "inputs", "expected"),
    [
        (0, 16, [Span(0, 0, 0, 16)]),
        (0, 17, [Span(0, 0, 0, 16), Span(1, 0, 16, 1)]),
        (5, 20, [Span(0, 5, 0, 11), Span(1, 0, 11, 9)]),
        (31, 1, [Span(1, 15, 0, 1)]),
        (31, 18, [Span(1, 15, 0, 1), Span(2, 0, 1, 16), Span(3, 0, 17, 1)]),
        (32, 3, [Span(2, 0, 0, 3)]),
    ],
)
def test_a_block_is_cut_where_arrays_end(first: int, inputs: int, expected: list[Span]) -> None:
    assert list(spans(first, inputs, 16)) == expected


def test_equal_runs_are_one_load() -> None:
    blocks = [spans(0, 20, 16), spans(32, 20, 16)]
    assert loads_of(blocks, [Run(0, 20, 0)], False, 16) == (
        Load(False, 0, 0, 16, (0, 2)),
        Load(False, 16, 0, 4, (1, 3)),
    )


def test_runs_of_blocks_that_begin_elsewhere_come_as_they_are_complete() -> None:
    """The one whose last activation comes first is first: a stream is not waited for longer than it must."""
    assert loads_of([spans(5, 20, 16), spans(32, 20, 16)], [Run(0, 20, 0)], True, 16) == (
        Load(True, 0, 5, 11, (0,)),
        Load(True, 0, 0, 16, (2,)),
        Load(True, 11, 0, 9, (1,)),
        Load(True, 16, 0, 4, (3,)),
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [(4, [(0, 5, 4), (4, 9, 4), (8, 13, 3), (11, 0, 4), (15, 4, 4), (19, 8, 1)]), (32, [(0, 5, 11), (11, 0, 9)])],
)
def test_a_run_takes_at_most_a_word(word: int, expected: list[tuple[int, int, int]]) -> None:
    assert [
        (a.offset, a.wordline, a.count) for a in loads_of([spans(5, 20, 16)], [Run(0, 20, 0)], False, word)
    ] == expected


@pytest.mark.parametrize("seed", range(20))
def test_every_wordline_of_every_block_gets_its_activation_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, inputs, word = int(rng.integers(2, 30)), int(rng.integers(1, 90)), int(2 ** rng.integers(1, 6))
    tall = -(-inputs // rows) + 1
    blocks = [spans(int(rng.integers(rows)) + k * tall * rows, inputs, rows) for k in range(3)]
    want = {(s.array, s.wordline + n): s.row + n for b in blocks for s in b for n in range(s.rows)}
    found: dict[tuple[int, int], int] = {}
    loads = loads_of(blocks, [Run(0, inputs, 0)], False, word)
    for load in loads:
        assert 0 < load.count <= word and load.wordline + load.count <= rows
        for array in load.arrays:
            for n in range(load.count):
                assert (array, load.wordline + n) not in found
                found[array, load.wordline + n] = load.offset + n
    assert found == want
    ends = [a.offset + a.count for a in loads]
    assert ends == sorted(ends) and len({(a.offset, a.wordline, a.count) for a in loads}) == len(loads)
