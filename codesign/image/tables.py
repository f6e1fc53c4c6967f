"""Do the entries of an image make sense? What the chip does not check itself: it takes any words with good CRCs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.image.descriptors import (
    CELLS,
    CONSTANTS,
    LOADS,
    PROGRAM,
    STEPS,
    TILES,
    TRIMS,
    Layout,
    decode_cells,
    encode_cells,
)
from codesign.image.words import Image, limits
from codesign.mapping import Load

Words = NDArray[np.int64]  # -1: not written
Held = dict[tuple[int, int], Words]  # memories by kind and index


@dataclass(frozen=True)
class Tile:
    """Columns that leave together, as a tile entry gives them."""

    array: int
    columns: int


@dataclass(frozen=True)
class Step:
    """What a step entry and the entries it names say; masks are arrays in rising order."""

    raw: bool
    releases: bool
    wait: int
    bits: int
    signed: bool
    lo: int
    hi: int
    word: int
    groups: int
    loads: tuple[Load, ...]
    tiles: tuple[Tile, ...]
    enabled: tuple[int, ...]
    linked: tuple[int, ...]

    def run(self, tile: Tile) -> tuple[int, ...]:
        """Arrays whose codes add up to a tile: its own, and the lower neighbours it is linked to."""
        first = tile.array
        while first in self.linked:
            first -= 1
        return tuple(range(first, tile.array + 1))

    @property
    def outputs(self) -> int:
        return sum(t.columns for t in self.tiles)


def memories(image: Image, chip: Chip) -> Held:
    """What lies in each memory, by kind and index, from word 0 to the last that the image writes; -1 is not written."""
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
    return [_step(held, k, chip) for k in range(int(held[PROGRAM, 0][0]))]


def _entry(held: Held, kind: int, number: int, width: int) -> list[int] | None:
    """An entry of a table, None when the image does not write all of it."""
    words = held.get((kind, 0), np.zeros(0, np.int64))[number * width : (number + 1) * width].tolist()
    return None if len(words) < width or min(words) < 0 else words


def _mask(words: list[int]) -> tuple[int, ...]:
    value = sum(w << (32 * k) for k, w in enumerate(words))
    return tuple(k for k in range(value.bit_length()) if value >> k & 1)


def _low(word: int) -> int:
    return word & 0xFFFF


def _signed(value: int) -> int:
    return value - (value >> 15 << 16)


def _faults(held: Held, chip: Chip) -> Iterator[str]:
    count, beats = held[PROGRAM, 0].tolist()
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
            return  # what later steps say depends on it
        step = _step(held, k, chip)
        if released and any(not load.hidden for load in step.loads):
            yield f"step {k}: loads from the input buffer, which step {released[0]} gave back"
        released += [k] * step.releases
        if step.raw != (k == count - 1):
            what = "leaves the chip before the last step" if step.raw else "is the last and leaves nothing"
            yield f"step {k}: {what}"
    if len(released) != 1:
        yield f"program: {len(released)} steps give the input buffer back, 1 must"
    yield from _array_faults(held, chip)


def _step(held: Held, k: int, chip: Chip) -> Step:
    layout = Layout.of(chip)
    words = _entry(held, STEPS, k, layout.step) or []
    m = layout.mask
    loads = [_entry(held, LOADS, n, layout.load) or [] for n in _span(words[1])]
    tiles = [_entry(held, TILES, n, layout.tile) or [] for n in _span(words[2])]
    return Step(
        raw=bool(words[0] >> 5 & 1),
        releases=bool(words[0] >> 6 & 1),
        wait=words[0] >> 8 & 7,
        bits=(words[0] & 15) + 1,
        signed=bool(words[0] >> 4 & 1),
        lo=_signed(_low(words[5])),
        hi=_signed(words[5] >> 16),
        word=words[4],
        groups=_low(words[3]) + 1,
        loads=tuple(Load(bool(w[0] >> 31), w[0] & 0x7FFFFFFF, _mask(w[1 : 1 + m])) for w in loads),
        tiles=tuple(Tile(_low(w[0]), w[0] >> 16) for w in tiles),
        enabled=_mask(words[6 : 6 + m]),
        linked=_mask(words[6 + m : 6 + 2 * m]),
    )


def _span(word: int) -> range:
    return range(_low(word), _low(word) + (word >> 16))


def _step_faults(held: Held, k: int, chip: Chip, layout: Layout, inputs: int) -> Iterator[str]:
    words = _entry(held, STEPS, k, layout.step)
    if words is None:
        yield "has no entry in the image"
        return
    if words[0] & ~0x1F077F or words[4] >> 16 or any(words[6 + 2 * layout.mask :]):
        yield "has bits set that mean nothing"
        return
    for kind, name, word, width in ((LOADS, "load", words[1], layout.load), (TILES, "tile", words[2], layout.tile)):
        if not _span(word):
            yield f"has no {name}s"
        for n in _span(word):
            if _entry(held, kind, n, width) is None:
                yield f"{name} {n} is not in the image"
                return
    step, arrays = _step(held, k, chip), chip.arrays.count
    if step.bits > chip.activation.bits:
        yield f"{step.bits}-bit inputs, chip {chip.name} takes {chip.activation.bits}"
    if step.wait > k:
        yield f"waits for {step.wait} steps back, there are {k}"
    if max((*step.enabled, *step.linked), default=0) >= arrays or 0 in step.linked:
        yield f"names arrays that are not there, chip {chip.name} has {arrays}"
    elif not {*step.linked, *(a - 1 for a in step.linked)} <= {*step.enabled}:
        yield "adds sums of arrays that do not convert"
    for n, load in zip(_span(words[1]), step.loads, strict=True):
        bound = chip.memory.activation_words if load.hidden else inputs
        if load.word >= bound:
            yield f"load {n} reads word {load.word} of {bound}"
        if any((_entry(held, LOADS, n, layout.load) or [])[1 + layout.mask :]):
            yield f"load {n} has bits set that mean nothing"
        if not load.arrays or load.arrays[-1] >= arrays:
            yield f"load {n} names no arrays, or some that are not there"
        if load.hidden != bool(step.wait):
            yield f"load {n} reads {'activations' if load.hidden else 'the input'}, the step waits for {step.wait}"
    needed = 0
    for n, tile in zip(_span(words[2]), step.tiles, strict=True):
        groups = -(-tile.columns // chip.adc.lanes)
        needed += groups
        if tile.array not in step.enabled:
            yield f"tile {n} reads array {tile.array}, which does not convert"
        if not 1 <= tile.columns <= chip.columns or groups > step.groups:
            converted = min(chip.columns, step.groups * chip.adc.lanes)
            yield f"tile {n} reads {tile.columns} columns, the step converts {converted}"
    if step.groups > chip.groups:
        yield f"converts {step.groups} column groups, an array has {chip.groups}"
    first = words[3] >> 16
    missing = [n for n in range(first, first + needed) if _entry(held, CONSTANTS, n, layout.constant) is None]
    if missing:
        yield f"constants entry {missing[0]} is not in the image"
    if not step.raw:
        last, kind = step.word + -(-step.outputs // chip.arrays.rows), chip.activation.bits
        if last > chip.memory.activation_words:
            yield f"writes activation words {step.word}..{last - 1} of {chip.memory.activation_words}"
        if not -(1 << kind - 1) <= step.lo <= step.hi < 1 << kind:
            yield f"clamps to {step.lo}..{step.hi}, which {kind}-bit activations do not hold"


def _array_faults(held: Held, chip: Chip) -> Iterator[str]:
    """Cells and trims of every array that a step converts."""
    count = int(held[PROGRAM, 0][0])
    used = {a for k in range(count) for a in _step(held, k, chip).enabled}
    for a in sorted(used):
        cells, trims = held.get((CELLS, a)), held.get((TRIMS, a))
        if cells is None or cells.min() < 0 or trims is None or trims.min() < 0:
            yield f"array {a}: the image does not write all its cells and trims"
            continue
        gain, shift = int(trims[0]) & 0xFF, int(trims[0]) >> 16
        if not gain or shift > 15 or int(trims[0]) & 0xFF00:
            yield f"array {a}: trim 0x{int(trims[0]):08x} is none: gain must be 1..255, shift 0..15"
        offset = trims[1:].astype("<u4").view("<i4")
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
