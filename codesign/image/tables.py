"""The tables of an image as steps: what each loads, converts and writes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.fields import Record
from codesign.chip.layout import (
    LOAD,
    LOADS,
    PROGRAM,
    PROGRAM_ENTRY,
    STEP,
    STEPS,
    TILE,
    TILES,
    WALK,
    WALK_LEVELS,
    WALKS,
    Layout,
)
from codesign.image.words import Image, limits
from codesign.mapping.pipeline import MOST

Words = NDArray[np.int64]  # -1: not written
Held = dict[tuple[int, int], Words]  # memories by kind and index


@dataclass(frozen=True)
class Step:
    """A step's entry, and the loads and tiles it names."""

    entry: Record
    loads: tuple[Record, ...]
    tiles: tuple[Record, ...]
    walk: Record | None = None  # absent: one place

    def __getitem__(self, name: str) -> int:
        return self.entry[name]

    @property
    def enabled(self) -> tuple[int, ...]:
        """Arrays that convert."""
        return self.entry.arrays["enabled"]

    @property
    def linked(self) -> tuple[int, ...]:
        """Arrays that add the sum of their lower neighbour."""
        return self.entry.arrays["linked"]

    def run(self, tile: Record) -> tuple[int, ...]:
        """Arrays whose codes add up to a tile: its own, and the lower neighbours it is linked to."""
        first = tile["array"]
        while first in self.linked:
            first -= 1
        return tuple(range(first, tile["array"] + 1))

    @property
    def outputs(self) -> int:
        """Of one instance."""
        return sum(t["columns"] for t in self.tiles if t["last"])

    @property
    def is_vector(self) -> bool:
        """Whether it converts nothing."""
        return bool(self["vector"])

    @property
    def values(self) -> int:
        """Of all instances: those of a pooling window write once, those of a vector step a lane group."""
        skip = 1 if self.is_vector else self["window"]
        return self.outputs * (self["instances"] // math.prod(self.counts[:skip]))

    @property
    def counts(self) -> list[int]:
        """Turns of the walk's loops, the innermost first."""
        return [self.walk[f"count_{k}"] for k in range(WALK_LEVELS)] if self.walk else []

    def terms(self) -> Iterator[tuple[int, Record]]:
        """Every tile, with its number among the terms of its columns."""
        number = 0
        for tile in self.tiles:
            yield number, tile
            number = 0 if tile["last"] else number + 1


@dataclass(frozen=True)
class Region:
    """Cells of an array that a step converts: its rows inputs[0].. on wordlines, its outputs[0].. in signed columns."""

    array: int
    step: int
    slice: int
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    wordline: int
    column: int


def memories(image: Image, chip: Chip) -> Held:
    """The words of each memory by kind and index, from word 0 to the last that the image writes; -1: not written."""
    size = limits(chip)
    found: Held = {}
    for s in image.sections:
        key, end = (s.kind, s.index), s.first + len(s.words)
        held = found.setdefault(key, np.full(size[s.kind], -1, np.int64))
        held[s.first : end] = s.words
    return found


def steps_of(image: Image, chip: Chip) -> list[Step]:
    """The program's steps. Only for an image without `faults`."""
    held = memories(image, chip)
    return [step_at(held, k, chip) for k in range(step_count(held))]


def regions(steps: list[Step], chip: Chip) -> list[Region]:
    """What the arrays hold according to the steps, array by array."""
    found = []
    for number, step in enumerate(steps):
        for term, tile in step.terms():
            if tile["from_operand"]:
                continue
            column = (step["first_group"] + tile["first_group"]) * chip.adc.lanes
            outputs, row = (tile["write"], tile["write"] + tile["columns"]), 0
            for array in step.run(tile):
                loads = [load for load in step.loads if array in load.arrays["arrays"]]
                end = row + sum(load["count"] for load in loads)
                wordline = min(load["wordline"] for load in loads)
                found.append(Region(array, number, term, (row, end), outputs, wordline, column))
                row = end
    return sorted(found, key=lambda r: (r.array, r.wordline, r.column))


def step_count(held: Held) -> int:
    return PROGRAM_ENTRY.decode(held[PROGRAM, 0].tolist())["steps"]


def entry_words(held: Held, kind: int, number: int, width: int) -> list[int] | None:
    """An entry of a table, None when the image does not write all of it."""
    words = held.get((kind, 0), np.zeros(0, np.int64))[number * width : (number + 1) * width].tolist()
    return None if len(words) < width or min(words) < 0 else words


def step_at(held: Held, k: int, chip: Chip) -> Step:
    layout = Layout.of(chip)
    entry = STEP.decode(entry_words(held, STEPS, k, layout.step) or [], layout.mask)
    loads = [entry_words(held, LOADS, n, layout.load) or [] for n in span_of(entry, "load")]
    tiles = [entry_words(held, TILES, n, layout.tile) or [] for n in span_of(entry, "tile")]
    walk = WALK.decode(entry_words(held, WALKS, entry["walk"], WALK.words) or []) if entry["walk"] else None
    return Step(entry, tuple(LOAD.decode(w, layout.mask) for w in loads), tuple(TILE.decode(w) for w in tiles), walk)


def producer_of(steps: list[Step], number: int) -> int | None:
    """Number of the step whose last instance a step waits for; None when it waits for none, or for one so far back that
    it is not told.
    """
    wait, back = steps[number]["wait"], number - 1
    if not 0 < wait < MOST:
        return None
    while wait > 1:
        wait -= steps[back]["instances"]
        back -= 1
    return back


def span_of(step: Record, what: str) -> range:
    """Numbers of a step's loads or tiles."""
    first = step[f"first_{what}"]
    return range(first, first + step[f"{what}s"])
