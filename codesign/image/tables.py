"""Check the entries of an image, because the chip itself accepts any words with good CRCs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.fields import Record
from codesign.chip.layout import (
    CELLS,
    CONSTANTS,
    LOAD,
    LOADS,
    PROGRAM,
    PROGRAM_ENTRY,
    STEP,
    STEPS,
    TILE,
    TILES,
    TRIM,
    TRIMS,
    Layout,
)
from codesign.image.descriptors import decode_cells, decode_trim, encode_cells
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
        return sum(t["columns"] for t in self.tiles)


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
    """A line for each step, load, tile, constant, trim or cell that lies outside what it points into."""
    return list(_faults(memories(image, chip), chip))


def steps_of(image: Image, chip: Chip) -> list[Step]:
    """The program's steps. Only for an image without `faults`."""
    held = memories(image, chip)
    return [_step(held, k, chip) for k in range(_steps(held))]


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
    memory, layout = chip.memory, Layout.of(chip)
    units = chip.arrays.rows // chip.bus.stream_bytes
    if not 1 <= count <= memory.steps:
        yield f"program: {count} steps, chip {chip.name} takes 1..{memory.steps}"
        return
    if not 1 <= beats <= min(65535, memory.input_words * units):
        yield f"program: {beats} input beats, the input buffer takes 1..{min(65535, memory.input_words * units)}"
        return
    inputs = -(-beats // units)
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
    for n, load in zip(_span(entry, "load"), step.loads, strict=True):
        bound = chip.memory.activation_words if load["from_memory"] else inputs
        if load["word"] >= bound:
            yield f"load {n} reads word {load['word']}, the last is {bound - 1}"
        if not load.arrays["arrays"] or load.arrays["arrays"][-1] >= arrays:
            yield f"load {n} names no arrays, or some that do not exist"
        if load["from_memory"] != bool(step["wait"]):
            source = "activations" if load["from_memory"] else "the input"
            yield f"load {n} reads {source}, the step waits for {step['wait']}"
    yield from _output_faults(held, step, chip, layout)


def _output_faults(held: Held, step: Step, chip: Chip, layout: Layout) -> Iterator[str]:
    """Where the tiles of a step, its constants and its results lie outside the chip."""
    needed, groups = 0, step["column_groups"]
    for n, tile in zip(_span(step.entry, "tile"), step.tiles, strict=True):
        columns = tile["columns"]
        needed += -(-columns // chip.adc.lanes)
        if tile["array"] not in step.enabled:
            yield f"tile {n} reads array {tile['array']}, which does not convert"
        if not 1 <= columns <= min(chip.columns, groups * chip.adc.lanes):
            converted = min(chip.columns, groups * chip.adc.lanes)
            yield f"tile {n} reads {columns} columns, the step converts {converted}"
    if groups > chip.groups:
        yield f"converts {groups} column groups, an array has {chip.groups}"
    first = step["first_constant"]
    missing = [n for n in range(first, first + needed) if entry_words(held, CONSTANTS, n, layout.constant) is None]
    if missing:
        yield f"constants entry {missing[0]} is not in the image"
    if not step["raw"]:
        last, kind = step["word"] + -(-step.outputs // chip.arrays.rows), chip.activation.bits
        if last > chip.memory.activation_words:
            yield f"writes activation words {step['word']}..{last - 1} of {chip.memory.activation_words}"
        if not -(1 << kind - 1) <= step["lo"] <= step["hi"] < 1 << kind:
            yield f"clamps to {step['lo']}..{step['hi']}, which {kind}-bit activations cannot hold"


def _array_faults(held: Held, chip: Chip) -> Iterator[str]:
    """Cells and trims of every array that a step converts."""
    count = _steps(held)
    used = {a for k in range(count) for a in _step(held, k, chip).enabled}
    for a in sorted(used):
        cells, trims = held.get((CELLS, a)), held.get((TRIMS, a))
        if cells is None or cells.min() < 0 or trims is None or trims.min() < 0:
            yield f"array {a}: the image does not write all its cells and trims"
            continue
        trim, offset = decode_trim(trims)
        if not trim["gain"] or TRIM.strays(trims[: TRIM.words].tolist()):
            yield f"array {a}: trim 0x{int(trims[0]):08x} is invalid: gain must be 1..255, shift 0..15"
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
