"""Where the walk of a step takes its loads and its writes: the addresses of every place."""

from collections.abc import Iterator

import numpy as np

from codesign.chip.fields import Record
from codesign.chip.layout import WALK_LEVELS
from codesign.fixed import Ints
from codesign.image.descriptors import MODULO
from codesign.image.tables import Step

CHUNK = 1 << 16  # places looked at together


def reach(step: Step, load: Record, bound: int, lanes: int) -> int | None:
    """The largest activation that a load reads inside the picture at some place, if it is not below `bound`.

    What it reads beyond a pixel's channels, into lanes that are not used, does not count.
    """
    worst = -1
    for turn, row, column, source, write in places(step):
        first, end = np.zeros_like(source), np.full_like(source, load["count"])
        if step.is_vector:
            end = np.minimum(end, step.outputs - lanes * turn)
        if load["at_write"]:
            source = step["write"] + write
        if load["bounded"]:
            left = column + load["column"]
            first, end = np.maximum(first, -left), np.minimum(end, step["row_length"] - left)
            end = np.where((row + load["row"] >= 0) & (row + load["row"] < step["rows"]), end, 0)
        address = source + load["offset"]
        real = end > first
        if real.any():
            ends = [(address + first)[real] % MODULO, (address + end - 1)[real] % MODULO]
            worst = max(worst, *(int(e.max()) for e in ends))
    return worst if worst >= bound else None


def written(step: Step, lanes: int) -> tuple[int, int]:
    """First activation that a step writes at some place, and the end of the last that it does.

    At a place, a vector step writes a lane group, the last of a pixel what is left of its channels.
    """
    low = high = 0
    for turn, *_, write in places(step):
        width = np.minimum(lanes, step.outputs - lanes * turn) if step.is_vector else step.outputs
        low, high = min(low, int(write.min())), max(high, int((write + width).max()))
    return step["write"] + low, step["write"] + high


def places(step: Step) -> Iterator[tuple[Ints, ...]]:
    """Turn of the innermost loop, row, column, source and write of the places, a part of them at a time.

    Writes count from the step's own.
    """
    base = step["row"], step["column"], step["source"], 0
    if step.walk is None:
        yield tuple(np.array([b]) for b in (0, *base))
        return
    counts, loops = step.counts, [strides(step.walk, name) for name in ("row", "column", "source", "write")]
    for start in range(0, step["instances"], CHUNK):
        number = np.arange(start, min(start + CHUNK, step["instances"]))
        turns = []
        for count in counts:
            turns.append(number % count)
            number = number // count
        moved = [
            sum((turn * by for turn, by in zip(turns, along, strict=True)), np.full(len(number), b))
            for b, along in zip(base, loops, strict=True)
        ]
        yield turns[0], *moved


def strides(walk: Record, name: str) -> list[int]:
    """By how much each loop moves, once what it takes back of the loops inside is added again."""
    found, inside = [], 0
    for k in range(WALK_LEVELS):
        found.append(walk[f"{name}_{k}"] + inside)
        inside += (walk[f"count_{k}"] - 1) * found[-1]
    return found
