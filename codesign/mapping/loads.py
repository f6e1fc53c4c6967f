"""Rows of a layer to wordlines: the arrays that they reach, and the runs of activations that load them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codesign.brief import Brief
from codesign.fixed import Ints
from codesign.mapping.outline import Places


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

    offset: the first activation, from the place of the step's walk on; it lands on `wordline`. bounded: the place may
    reach beyond its picture, and the activation lies so many rows and columns (in activations) from it.
    """

    from_memory: bool  # from the activation memory, else from the input buffer
    offset: int
    wordline: int
    count: int
    arrays: tuple[int, ...]
    bounded: bool = False
    row: int = 0
    column: int = 0
    operand: bool = False  # goes to the requantizer's operands, to no array
    at_write: bool = False  # counts from the place that is written


@dataclass(frozen=True)
class Run:
    """Rows row..row+count-1 of a step's matrix that neighbouring activations feed, from `offset` of a place on.

    down: rows of the picture below the place; None where no place reaches beyond the picture. beside: activations to
    the right of the place in its row.
    """

    row: int
    count: int
    offset: int
    down: int | None = None
    beside: int = 0


def runs(inputs: int, places: Places | None, is_input: bool) -> tuple[Run, ...]:
    """How the rows of a matrix come: a linear layer's as one run, a convolution's by rows of its kernel.

    Pixel by pixel where it reads some of a picture's channels only.
    """
    if places is None:
        return (Run(0, inputs, 0),)
    channels, height, width = places.picture
    tall, wide = places.window.size
    read = inputs // (tall * wide)
    planes, unit, own = (read, 1, 1) if is_input else (1, channels, read)
    padded = any(places.window.padding)
    across, each = (1, wide * unit) if own == unit else (wide, own)  # runs of a kernel's row, and rows of each
    return tuple(
        Run(
            ((plane * tall + y) * across + x) * each,
            each,
            ((plane * height + y) * width + x) * unit,
            y if padded else None,
            x * unit,
        )
        for plane in range(planes)
        for y in range(tall)
        for x in range(across)
    )


def spans(first: int, inputs: int, rows: int) -> tuple[Span, ...]:
    """Where the rows of a block lie whose first one is on wordline `first` of the tall matrix: cut where arrays end."""
    found, row = [], 0
    while row < inputs:
        array, wordline = divmod(first + row, rows)
        count = min(rows - wordline, inputs - row)
        found.append(Span(array, wordline, row, count))
        row += count
    return tuple(found)


def loads_of(blocks: Iterable[tuple[Span, ...]], come: Iterable[Run], from_memory: bool, word: int) -> tuple[Load, ...]:
    """The loads of a step: runs of at most `word` activations, in the order in which they come, equal ones together."""
    found: dict[tuple[int, int, int, int, bool, int, int], set[int]] = {}  # row past it, row, wordline, ...
    spans = [span for block in blocks for span in block]
    for run in come:
        for span in spans:
            first, end = max(run.row, span.row), min(run.row + run.count, span.row + span.rows)
            for at in range(first, end, word):
                count, skip = min(word, end - at), at - run.row
                bounds = (False, 0, 0) if run.down is None else (True, run.down, run.beside + skip)
                key = at + count, at, span.wordline + at - span.row, run.offset + skip, *bounds
                found.setdefault(key, set()).add(span.array)
    return tuple(
        Load(from_memory, offset, wordline, past - at, tuple(sorted(found[key])), bounded, row, column)
        for key in sorted(found)
        for past, at, wordline, offset, bounded, row, column in [key]
    )


def operands_of(places: Places, count: int, apart: int | None) -> tuple[Load, ...]:
    """The loads of a layer without a matrix: `count` channels of every pixel of a window, or of two pictures.

    apart: activations from the first picture to the second; None: there is one.
    """
    channels, _, width = places.picture
    if apart is not None:
        return tuple(Load(True, offset, 0, count, (), operand=True) for offset in (0, apart))
    tall, wide = places.window.size
    padded = any(places.window.padding)
    return tuple(
        Load(
            True,
            (y * width + x) * channels,
            0,
            count,
            (),
            padded,
            y if padded else 0,
            x * channels if padded else 0,
            operand=True,
        )
        for y in range(tall)
        for x in range(wide)
    )


def added_of(tiles: Iterable[tuple[int, int]], lanes: int, apart: int) -> tuple[Load, ...]:
    """The loads of the edge that is added to a step's results: lane groups of its tiles (first column, columns).

    apart: activations from the place that is written to the one that is added. They come before all other loads, the
    last of which completes the wordlines.
    """
    return tuple(
        Load(True, apart + column + at, 0, min(lanes, columns - at), (), operand=True, at_write=True)
        for column, columns in tiles
        for at in range(0, columns, lanes)
    )


def window(memory: Ints, load: Load, source: int, rows: int) -> Ints:
    """What `load` puts on the `rows` wordlines of an array from a flat memory: its run, and 0 elsewhere.

    source: the activation of the place that loads count from. Twin of `xb_window.v` behind `xb_memory.v`, for runs that
    lie inside the picture.
    """
    lines = np.zeros(rows, np.int64)
    first = source + load.offset
    lines[load.wordline : load.wordline + load.count] = memory[first : first + load.count]
    return lines
