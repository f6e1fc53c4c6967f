"""What an image holds for each output of its layers: constants of requantization, converter offsets."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np

from codesign.chip.description import Chip
from codesign.chip.layout import CONSTANTS, TRIMS, Layout
from codesign.image.descriptors import decode_constants, decode_offsets
from codesign.image.manifest import PieceRef
from codesign.image.tables import Step, memories, regions, steps_of
from codesign.image.words import Image
from codesign.ir.naming import unit

SHOWN = 16  # rows of a step or array; more are counted


@dataclass(frozen=True)
class Constant:
    """What an output column is multiplied by and given as bias, in one term of its sum (a slice, or an operand)."""

    step: int
    output: str  # the user's name, such as fc1[3]; where it is not known, the column of the step
    term: int
    entry: int
    lane: int
    mult: int
    bias: int


@dataclass(frozen=True)
class Offset:
    """A converter's offset in a signed column, and the outputs that are read there."""

    array: int
    column: int
    outputs: tuple[str, ...]
    offset: int


def constants(image: Image, chip: Chip, pieces: Sequence[PieceRef] = ()) -> list[Constant]:
    """Of every step, tile and term, column by column. pieces: what the arrays hold, to name outputs.

    Only for an image without `faults`.
    """
    held, width, lanes = memories(image, chip)[CONSTANTS, 0], Layout.of(chip).constant, chip.adc.lanes
    values = decode_constants(np.maximum(held[: len(held) // width * width], 0), chip)
    steps, found = steps_of(image, chip), list[Constant]()
    names = _names(steps, chip, pieces)
    for number, step in enumerate(steps):
        for term, tile in step.terms():
            for column in range(tile["columns"]):
                entry, lane = tile["first_constant"] + column // lanes, column % lanes
                mult, bias = (int(values[name][entry, lane]) for name in ("mult", "bias"))
                at = tile["write"] + column
                found.append(Constant(number, names.get((number, at), str(at)), term, entry, lane, mult, bias))
    return found


def offsets(image: Image, chip: Chip, pieces: Sequence[PieceRef] = ()) -> list[Offset]:
    """Of every array that the image writes, column by column. Only for an image without `faults`."""
    read: dict[tuple[int, int], list[str]] = {}
    for p in pieces:
        for k, number in enumerate(p.named_outputs):
            read.setdefault((p.array, p.column + k), []).append(unit(p.layer, number))
    return [
        Offset(array, column, tuple(dict.fromkeys(read.get((array, column), ()))), offset)
        for (kind, array), words in sorted(memories(image, chip).items())
        if kind == TRIMS
        for column, offset in enumerate(decode_offsets(words).tolist())
    ]


def _names(steps: list[Step], chip: Chip, pieces: Sequence[PieceRef]) -> dict[tuple[int, int], str]:
    """The user's names of outputs by step and column."""
    if not pieces:
        return {}
    return {
        (region.step, region.outputs[0] + k): unit(piece.layer, number)
        for piece, region in zip(pieces, regions(steps, chip), strict=True)
        for k, number in enumerate(piece.named_outputs)
    }


def plain_outputs(found: Sequence[Constant | Offset]) -> list[dict[str, object]]:
    """All of them, for programs."""
    return [asdict(f) for f in found]


def show_outputs(constants: Sequence[Constant], offsets: Sequence[Offset]) -> Iterator[str]:
    """For people: a table each, at most `SHOWN` rows of a step or array."""
    by_step = [list(rows) for _, rows in groupby(constants, key=lambda c: c.step)]
    cells = [[c.step, c.output, c.term, c.entry, c.lane, c.mult, c.bias] for rows in by_step for c in rows[:SHOWN]]
    yield from _table(["constants of step", "output", "term", "entry", "lane", "mult", "bias"], cells)
    yield from _more(len(constants) - len(cells), "constants")
    if not any(o.offset for o in offsets):
        if offsets:
            yield f"\noffsets of the converters: all {len(offsets):,} are 0"
        return
    by_array = [list(rows) for _, rows in groupby((o for o in offsets if o.offset), key=lambda o: o.array)]
    cells = [[o.array, o.column, ", ".join(o.outputs) or "-", o.offset] for rows in by_array for o in rows[:SHOWN]]
    yield from _table(["offsets of array", "column", "outputs", "offset"], cells)
    yield from _more(sum(map(len, by_array)) - len(cells), "offsets that are not 0")


def _table(head: list[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    texts = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    yield ""
    for text in texts:
        yield "  ".join(cell.rjust(width) for cell, width in zip(text, widths, strict=True))


def _more(count: int, what: str) -> Iterator[str]:
    if count:
        yield f"{count:,} more {what}; --json lists all"
