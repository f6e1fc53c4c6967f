"""Check the entries of an image, because the chip itself accepts any words with good CRCs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.fields import Entry, Record
from codesign.chip.layout import (
    CELLS,
    CONSTANTS,
    LOAD,
    LOADS,
    OPS,
    PROGRAM,
    PROGRAM_ENTRY,
    STEP,
    STEPS,
    TILE,
    TILES,
    TRIMS,
    Layout,
)
from codesign.image.descriptors import decode_cells, decode_offsets, encode_cells
from codesign.image.words import Image, limits

Words = NDArray[np.int64]  # -1: not written
Held = dict[tuple[int, int], Words]  # memories by kind and index


@dataclass(frozen=True)
class Step:
    """A step's entry, and the loads and tiles it names."""

    entry: Record
    loads: tuple[Record, ...]
    tiles: tuple[Record, ...]

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
        return sum(t["columns"] for t in self.tiles if t["last"])

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


def faults(image: Image, chip: Chip) -> list[str]:
    """A line for each step, load, tile, constant, offset or cell that lies outside what it points into."""
    return list(_faults(memories(image, chip), chip))


def steps_of(image: Image, chip: Chip) -> list[Step]:
    """The program's steps. Only for an image without `faults`."""
    held = memories(image, chip)
    return [_step(held, k, chip) for k in range(_steps(held))]


def regions(steps: list[Step], chip: Chip) -> list[Region]:
    """What the arrays hold according to the steps, array by array."""
    found = []
    for number, step in enumerate(steps):
        for term, tile in step.terms():
            column = (step["first_group"] + tile["first_group"]) * chip.adc.lanes
            outputs = tile["write"], tile["write"] + tile["columns"]
            for array in step.run(tile):
                loads = [load for load in step.loads if array in load.arrays["arrays"]]
                first = min(load["offset"] for load in loads)
                end = max(load["offset"] + load["count"] for load in loads)
                wordline = min(load["wordline"] for load in loads)
                found.append(Region(array, number, term, (first, end), outputs, wordline, column))
    return sorted(found, key=lambda r: (r.array, r.wordline, r.column))


def _steps(held: Held) -> int:
    return PROGRAM_ENTRY.decode(held[PROGRAM, 0].tolist())["steps"]


def entry_words(held: Held, kind: int, number: int, width: int) -> list[int] | None:
    """An entry of a table, None when the image does not write all of it."""
    words = held.get((kind, 0), np.zeros(0, np.int64))[number * width : (number + 1) * width].tolist()
    return None if len(words) < width or min(words) < 0 else words


def _faults(held: Held, chip: Chip) -> Iterator[str]:
    words = held[PROGRAM, 0].tolist()
    if PROGRAM_ENTRY.strays(words):
        yield "program: has unused bits set"
        return
    program = PROGRAM_ENTRY.decode(words)
    count, beats = program["steps"], program["beats"]
    memory, layout, stream = chip.memory, Layout.of(chip), chip.bus.stream_bytes
    most = min(65535, memory.input_words * chip.word // stream)
    if not 1 <= count <= memory.steps:
        yield f"program: {count} steps, chip {chip.name} takes 1..{memory.steps}"
        return
    if not 1 <= beats <= most:
        yield f"program: {beats} input beats, the input buffer takes 1..{most}"
        return
    inputs = beats * stream
    released: list[int] = []
    for k in range(count):
        lines = list(_step_faults(held, k, chip, layout, inputs))
        yield from (f"step {k}: {line}" for line in lines)
        if lines:
            return  # later checks depend on it
        step = _step(held, k, chip)
        if released and any(not load["from_memory"] for load in step.loads):
            yield f"step {k}: loads from the input buffer, which step {released[0]} released"
        released += [k] * step["releases_input"]
        if step["raw"] != (k == count - 1):
            what = "is raw but not the last" if step["raw"] else "is the last but not raw"
            yield f"step {k}: {what}"
    if len(released) != 1:
        yield f"program: {len(released)} steps release the input buffer, 1 must"
    if program["outputs"] != step.outputs:
        yield f"program: {program['outputs']} output words, the last step gives {step.outputs}"
    yield from _array_faults(held, chip)


def _step(held: Held, k: int, chip: Chip) -> Step:
    layout = Layout.of(chip)
    entry = STEP.decode(entry_words(held, STEPS, k, layout.step) or [], layout.mask)
    loads = [entry_words(held, LOADS, n, layout.load) or [] for n in _span(entry, "load")]
    tiles = [entry_words(held, TILES, n, layout.tile) or [] for n in _span(entry, "tile")]
    return Step(entry, tuple(LOAD.decode(w, layout.mask) for w in loads), tuple(TILE.decode(w) for w in tiles))


def _span(step: Record, what: str) -> range:
    """Numbers of a step's loads or tiles."""
    first = step[f"first_{what}"]
    return range(first, first + step[f"{what}s"])


def _step_faults(held: Held, k: int, chip: Chip, layout: Layout, inputs: int) -> Iterator[str]:
    words = entry_words(held, STEPS, k, layout.step)
    if words is None:
        yield "has no entry in the image"
        return
    if STEP.strays(words, layout.mask):
        yield "has unused bits set"
        return
    entry = STEP.decode(words, layout.mask)
    yield from _later(STEP, entry)
    for kind, name, form, width in ((LOADS, "load", LOAD, layout.load), (TILES, "tile", TILE, layout.tile)):
        if not _span(entry, name):
            yield f"has no {name}s"
        for n in _span(entry, name):
            found = entry_words(held, kind, n, width)
            if found is None:
                yield f"{name} {n} is not in the image"
                return
            if form.strays(found, layout.mask):
                yield f"{name} {n} has unused bits set"
            yield from (f"{name} {n} {line}" for line in _later(form, form.decode(found, layout.mask)))
    step, arrays = _step(held, k, chip), chip.arrays.count
    if step["input_bits"] > chip.activation.bits:
        yield f"{step['input_bits']}-bit inputs, chip {chip.name} takes {chip.activation.bits}"
    if step["wait"] > k:
        yield f"waits for {step['wait']} steps back, which is before step 0"
    if 0 in step.linked:
        yield "links array 0, which has no lower neighbour"
    elif max((*step.enabled, *step.linked), default=0) >= arrays:
        yield f"names arrays that do not exist, chip {chip.name} has {arrays}"
    elif not {*step.linked, *(a - 1 for a in step.linked)} <= {*step.enabled}:
        yield "adds sums of arrays that do not convert"
    if not step["range_gain"]:
        yield "has a range gain of 0, must be 1..255"
    for n, load in zip(_span(entry, "load"), step.loads, strict=True):
        bound = chip.memory.activation_words * chip.word if load["from_memory"] else inputs
        last = step["source"] + load["offset"] + load["count"] - 1
        if last >= bound:
            yield f"load {n} reads activation {last}, the last is {bound - 1}"
        if load["count"] > chip.word:
            yield f"load {n} copies {load['count']} activations, a memory word has {chip.word}"
        if load["wordline"] + load["count"] > chip.arrays.rows:
            yield f"load {n} reaches wordline {load['wordline'] + load['count'] - 1} of {chip.arrays.rows}"
        if not load.arrays["arrays"] or load.arrays["arrays"][-1] >= arrays:
            yield f"load {n} names no arrays, or some that do not exist"
        if load["from_memory"] != bool(step["wait"]):
            source = "activations" if load["from_memory"] else "the input"
            yield f"load {n} reads {source}, the step waits for {step['wait']}"
    idle = set(step.enabled) - {a for load in step.loads for a in load.arrays["arrays"]}
    if idle:
        yield f"converts array {min(idle)}, which it does not load"
    yield from _output_faults(held, step, chip, layout)


def _later(form: Entry, entry: Record) -> Iterator[str]:
    """Fields that chips of this version do not have."""
    for name, blank in form.blank.items():
        if entry[name] != blank:
            yield f"has {name} = {entry[name]}, which chips of this version do not take"


def _output_faults(held: Held, step: Step, chip: Chip, layout: Layout) -> Iterator[str]:
    """Where the tiles of a step, its constants and its results lie outside the chip."""
    groups, lanes = step["column_groups"], chip.adc.lanes
    converted = min(chip.columns - step["first_group"] * lanes, groups * lanes)
    given, width = 0, 0  # outputs of the tiles before, columns of the term before
    for n, (term, tile) in zip(_span(step.entry, "tile"), step.terms(), strict=True):
        columns, first = tile["columns"], tile["first_group"] * lanes
        if tile["write"] != given:
            yield f"tile {n} writes from activation {tile['write']} on, the tiles before it give {given}"
        if tile["array"] not in step.enabled:
            yield f"tile {n} reads array {tile['array']}, which does not convert"
        if not 1 <= columns <= converted - first:
            there = max(0, converted - first)
            yield f"tile {n} reads {columns} columns from group {tile['first_group']} on, there are {there}"
        if tile["op"] not in {c.value for c in OPS} or (tile["op"] == OPS.value("first")) != (term == 0):
            yield f"tile {n} joins its result by {tile['op']}, its place among the terms is {term}"
        if term and columns != width:
            yield f"tile {n} has {columns} columns, the term before it {width}"
        width, given = columns, given + columns * tile["last"]
        entries = range(tile["first_constant"], tile["first_constant"] + -(-columns // lanes))
        missing = [k for k in entries if entry_words(held, CONSTANTS, k, layout.constant) is None]
        if missing:
            yield f"tile {n}: constants entry {missing[0]} is not in the image"
    if step.tiles and not step.tiles[-1]["last"]:
        yield "ends with a tile that is not the last term of its columns"
    if step["first_group"] + groups > chip.groups:
        yield f"converts column groups up to {step['first_group'] + groups - 1}, an array has {chip.groups}"
    if not step["raw"]:
        last, kind = step["write"] + step.outputs, chip.activation.bits
        if last > chip.memory.activation_words * chip.word:
            yield f"writes activations {step['write']}..{last - 1} of {chip.memory.activation_words * chip.word}"
        if not -(1 << kind - 1) <= step["lo"] <= step["hi"] < 1 << kind:
            yield f"clamps to {step['lo']}..{step['hi']}, which {kind}-bit activations cannot hold"


def _array_faults(held: Held, chip: Chip) -> Iterator[str]:
    """Cells and converter offsets of every array that a step converts."""
    count = _steps(held)
    used = {a for k in range(count) for a in _step(held, k, chip).enabled}
    for a in sorted(used):
        cells, trims = held.get((CELLS, a)), held.get((TRIMS, a))
        if cells is None or cells.min() < 0 or trims is None or trims.min() < 0:
            yield f"array {a}: the image does not write all its cells and offsets"
            continue
        offset = decode_offsets(trims)
        if offset.min() < -32768 or offset.max() > 32767:
            yield f"array {a}: ADC offsets must lie in -32768..32767, got {offset.min()}..{offset.max()}"
        levels = decode_cells(cells, chip)
        if (encode_cells(levels, chip) != cells).any():
            yield f"array {a}: bits past the last bitline are set"
        if levels.max() >= chip.device.levels:
            wordline, bitline = (int(v) for v in np.argwhere(levels >= chip.device.levels)[0])
            yield (
                f"array {a}: wordline {wordline}, bitline {bitline} holds level {levels[wordline, bitline]}, "
                f"cells have 0..{chip.device.levels - 1}"
            )
