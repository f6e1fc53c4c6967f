"""Check the entries of an image, because the chip itself accepts any words with good CRCs."""

import math
from collections.abc import Iterator

import numpy as np

from codesign.chip.description import Chip
from codesign.chip.fields import Record
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
    WALK,
    WALK_LEVELS,
    WALKS,
    Layout,
)
from codesign.image.descriptors import decode_cells, decode_offsets, encode_cells
from codesign.image.places import reach, written
from codesign.image.tables import Held, Step, entry_words, memories, span_of, step_at, step_count
from codesign.image.words import Image


def faults(image: Image, chip: Chip) -> list[str]:
    """A line for each step, load, tile, constant, offset or cell that lies outside what it points into."""
    return list(_faults(memories(image, chip), chip))


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
        step = step_at(held, k, chip)
        if released and any(not load["from_memory"] for load in step.loads):
            yield f"step {k}: loads from the input buffer, which step {released[0]} released"
        released += [k] * step["releases_input"]
        if step["raw"] != (k == count - 1):
            what = "is raw but not the last" if step["raw"] else "is the last but not raw"
            yield f"step {k}: {what}"
    if len(released) != 1:
        yield f"program: {len(released)} steps release the input buffer, 1 must"
    if program["outputs"] != step.values:
        yield f"program: {program['outputs']} output words, the last step gives {step.values}"
    yield from _array_faults(held, chip)


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
        if not span_of(entry, name):
            yield f"has no {name}s"
        for n in span_of(entry, name):
            found = entry_words(held, kind, n, width)
            if found is None:
                yield f"{name} {n} is not in the image"
                return
            if form.strays(found, layout.mask):
                yield f"{name} {n} has unused bits set"
    lines = list(_walk_faults(held, entry))
    yield from lines
    if lines:
        return
    step, arrays = step_at(held, k, chip), chip.arrays.count
    if step["input_bits"] > chip.activation.bits:
        yield f"{step['input_bits']}-bit inputs, chip {chip.name} takes {chip.activation.bits}"
    before = sum(step_at(held, n, chip)["instances"] for n in range(k))
    if step["wait"] > before:
        yield f"waits for {step['wait']} instances back, there are {before} before it"
    several = step["instances"] > 1 or any(load["bounded"] for load in step.loads)
    if bool(step["whole_input"]) != (several and not step["wait"]):
        yield "must wait for the whole input image if, and only if, it reads it at several places"
    if 0 in step.linked:
        yield "links array 0, which has no lower neighbour"
    elif max((*step.enabled, *step.linked), default=0) >= arrays:
        yield f"names arrays that do not exist, chip {chip.name} has {arrays}"
    elif not {*step.linked, *(a - 1 for a in step.linked)} <= {*step.enabled}:
        yield "adds sums of arrays that do not convert"
    if not step["range_gain"]:
        yield "has a range gain of 0, must be 1..255"
    for n, load in zip(span_of(entry, "load"), step.loads, strict=True):
        bound = chip.memory.activation_words * chip.word if load["from_memory"] else inputs
        last = reach(step, load, bound, chip.adc.lanes)
        if last is not None:
            yield f"load {n} reads activation {last}, the last is {bound - 1}"
        yield from (f"load {n} {line}" for line in _target_faults(load, chip))
        if load["from_memory"] != bool(step["wait"]):
            source = "activations" if load["from_memory"] else "the input"
            yield f"load {n} reads {source}, the step waits for {step['wait']}"
    idle = set(step.enabled) - {a for load in step.loads for a in load.arrays["arrays"]}
    if idle:
        yield f"converts array {min(idle)}, which it does not load"
    yield from _operand_faults(step, chip)
    yield from _output_faults(held, step, chip, layout)


def _target_faults(load: Record, chip: Chip) -> Iterator[str]:
    """Where a load does not fit what it goes to."""
    if load["operand"]:
        if load["count"] > chip.adc.lanes or load["wordline"] or load.arrays["arrays"] or not load["from_memory"]:
            yield f"is an operand, which must be at most {chip.adc.lanes} activations of the memory, for no wordlines"
        return
    if load["count"] > chip.word:
        yield f"copies {load['count']} activations, a memory word has {chip.word}"
    if load["wordline"] + load["count"] > chip.arrays.rows:
        yield f"reaches wordline {load['wordline'] + load['count'] - 1} of {chip.arrays.rows}"
    if not load.arrays["arrays"] or load.arrays["arrays"][-1] >= chip.arrays.count:
        yield "names no arrays, or some that do not exist"


def _operand_faults(step: Step, chip: Chip) -> Iterator[str]:
    """Where a step does not take the operands that it loads."""
    lanes = chip.adc.lanes
    groups = [1 if step.is_vector else -(-t["columns"] // lanes) for t in step.tiles]
    taken = sum(t["repeats"] * n for t, n in zip(step.tiles, groups, strict=True) if t["from_operand"])
    loaded = sum(load["operand"] for load in step.loads)
    if taken != loaded:
        yield f"takes {taken} operands at a place, loads {loaded}"
    if not step.is_vector:
        if loaded > chip.memory.operands:
            yield f"loads {loaded} operands at a place, chip {chip.name} holds {chip.memory.operands}"
        return
    if step.enabled or step["raw"] or step["window"] or loaded < len(step.loads):
        yield "is a vector step, which converts nothing, pools nothing, and whose results stay on the chip"
    if not step.counts or any(-(-t["columns"] // lanes) != step.counts[0] for t in step.tiles):
        yield "is a vector step whose walk does not begin with the lane groups of its columns"


def _walk_faults(held: Held, entry: Record) -> Iterator[str]:
    """Where a step's walk is not in the image, or does not have as many places as the step has instances."""
    if not entry["walk"]:
        if entry["instances"] != 1 or entry["window"]:
            yield f"has {entry['instances']} instances and a window of {entry['window']} loops without a walk"
        return
    words = entry_words(held, WALKS, entry["walk"], WALK.words)
    if words is None:
        yield f"walk {entry['walk']} is not in the image"
    elif WALK.strays(words):
        yield f"walk {entry['walk']} has unused bits set"
    else:
        walk = WALK.decode(words)
        places = math.prod(walk[f"count_{k}"] for k in range(WALK_LEVELS))
        if places != entry["instances"]:
            yield f"has {entry['instances']} instances, its walk {places} places"
    if entry["window"] and entry["raw"]:
        yield "pools raw results, which leave as they come"


def _output_faults(held: Held, step: Step, chip: Chip, layout: Layout) -> Iterator[str]:
    """Where the tiles of a step, its constants and its results lie outside the chip."""
    groups, lanes = step["column_groups"], chip.adc.lanes
    converted = min(chip.columns - step["first_group"] * lanes, groups * lanes)
    given, width = 0, 0  # outputs of the tiles before, columns of the term before
    for n, (term, tile) in zip(span_of(step.entry, "tile"), step.terms(), strict=True):
        columns, first = tile["columns"], tile["first_group"] * lanes
        if tile["write"] != given:
            yield f"tile {n} writes from activation {tile['write']} on, the tiles before it give {given}"
        if tile["repeats"] > 1 and not (tile["from_operand"] and term):
            yield f"tile {n} comes {tile['repeats']} times, which only a further operand may"
        if tile["from_operand"] != step.is_vector and not (tile["from_operand"] and term):
            yield f"tile {n} is {'no' if step.is_vector else 'an'} operand, the first of its columns"
        if not tile["from_operand"] and tile["array"] not in step.enabled:
            yield f"tile {n} reads array {tile['array']}, which does not convert"
        there = columns if tile["from_operand"] else max(0, converted - first)
        if not 1 <= columns <= there:
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
    pooled = sum(-(-t["columns"] // lanes) for t in step.tiles if t["last"])
    if step["window"] and pooled > chip.memory.pools:
        yield f"pools {pooled} column groups, chip {chip.name} holds {chip.memory.pools}"
    if step.tiles and not step.tiles[-1]["last"]:
        yield "ends with a tile that is not the last term of its columns"
    if not step.is_vector and step["first_group"] + groups > chip.groups:
        yield f"converts column groups up to {step['first_group'] + groups - 1}, an array has {chip.groups}"
    if not step["raw"]:
        (first, last), kind = written(step, lanes), chip.activation.bits
        if first < 0 or last > chip.memory.activation_words * chip.word:
            yield f"writes activations {first}..{last - 1} of {chip.memory.activation_words * chip.word}"
        if not -(1 << kind - 1) <= step["lo"] <= step["hi"] < 1 << kind:
            yield f"clamps to {step['lo']}..{step['hi']}, which {kind}-bit activations cannot hold"


def _array_faults(held: Held, chip: Chip) -> Iterator[str]:
    """Cells and converter offsets of every array that a step converts."""
    count = step_count(held)
    used = {a for k in range(count) for a in step_at(held, k, chip).enabled}
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
