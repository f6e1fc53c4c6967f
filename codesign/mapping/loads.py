"""Rows of a layer to wordlines: the arrays that they reach, and the runs of activations that load them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codesign.brief import Brief
from codesign.fixed import Ints


@dataclass(frozen=True)
class Span:
    """Rows row..row+rows-1 of a layer on the wordlines of one array from `wordline` on."""

    array: int
    wordline: int
    row: int
    rows: int


@dataclass(frozen=True)
class Load(Brief):
    """Copy a run of activations into the wordline registers of some arrays.

    offset: the first activation, from the step's source on; it lands on `wordline`.
    """

    from_memory: bool  # from the activation memory, else from the input buffer
    offset: int
    wordline: int
    count: int
    arrays: tuple[int, ...]


def spans(first: int, inputs: int, rows: int) -> tuple[Span, ...]:
    """Where the rows of a block lie whose first one is on wordline `first` of the tall matrix: cut where arrays end."""
    found, row = [], 0
    while row < inputs:
        array, wordline = divmod(first + row, rows)
        count = min(rows - wordline, inputs - row)
        found.append(Span(array, wordline, row, count))
        row += count
    return tuple(found)


def loads_of(blocks: Iterable[tuple[Span, ...]], from_memory: bool, word: int) -> tuple[Load, ...]:
    """The loads of a step: runs of at most `word` activations, in the order in which they come, equal ones together."""
    runs: dict[tuple[int, int, int], set[int]] = {}
    for block in blocks:
        for span in block:
            for at in range(0, span.rows, word):
                run = span.row + at, span.wordline + at, min(word, span.rows - at)
                runs.setdefault(run, set()).add(span.array)
    ordered = sorted(runs, key=lambda run: (run[0] + run[2], run))
    return tuple(Load(from_memory, *run, tuple(sorted(runs[run]))) for run in ordered)


def window(memory: Ints, load: Load, source: int, rows: int) -> Ints:
    """What `load` puts on the `rows` wordlines of an array from a flat memory: its run, and 0 elsewhere.

    source: the step's activation that loads count from. Twin of `xb_window.v` behind `xb_memory.v`.
    """
    lines = np.zeros(rows, np.int64)
    first = source + load.offset
    lines[load.wordline : load.wordline + load.count] = memory[first : first + load.count]
    return lines
