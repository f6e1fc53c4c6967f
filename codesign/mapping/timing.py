"""Predicted cycles of a program: of one image, and of a long stream of them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from codesign.brief import Brief
from codesign.errors import CapacityError
from codesign.fixed import clog2, mean
from codesign.mapping.mapping import Mapping, Plan
from codesign.mapping.pipeline import MOST, OPERAND, Core, Instances

Timed = Plan | Mapping  # the numbers in the cells do not matter
LONGEST = 1000  # images within which a stream must become periodic


@dataclass(frozen=True)
class Cycles(Brief):
    """What a program takes. `bound` is what the converters alone need for one image.

    latency: from the last input word to the last output word of an image that meets an idle chip.
    interval: the initiation interval, from the last output word of an image to that of the next while the input never
    pauses: the exact mean over one period, an int where it is whole. period: images after which the timing repeats.
    """

    bound: int
    latency: int
    interval: int | float
    period: int


@dataclass(frozen=True)
class LayerCycles(Brief):
    """Where the cycles of an image go that meets an idle chip.

    load, convert, drain: cycles in which fetch, converters and requantizer work on a layer; they overlap. takes: cycles
    from the end of the layer before (of the first: from the first input word on) to its own end, so that all layers
    together take the latency and the cycles of the input. wait: what it takes beyond its conversions.
    """

    layer: str
    places: int  # passes over its matrix, or lane groups of its values
    load: int
    convert: int
    wait: int
    drain: int
    takes: int


def by_layer(mapping: Timed) -> tuple[LayerCycles, ...]:
    """Where the cycles of an image go, layer by layer, in the order of the steps."""
    steps = _timed(mapping)
    core = Core(scan_stages(mapping), mapping.chip.memory.operands, any(s.operands for s in steps))
    sums: dict[str, list[int]] = {}  # of all steps of a layer
    before = -1
    for step, planned in zip(steps, mapping.steps, strict=True):
        core.first(step, 0)
        core.others(step)
        ends = core.pipe.sent if step.raw else core.drained[-1]
        terms = step.operands if step.vector else sum(len(terms) * len(widths) for terms, widths in step.tiles)
        convert = 0 if step.vector else step.planes * step.groups
        load, convert, drain = (step.instances * n for n in (len(step.beats), convert, terms))
        own = step.instances, load, convert, drain, ends - before
        sums[planned.layer] = [a + b for a, b in zip(sums.get(planned.layer, [0] * len(own)), own, strict=True)]
        before = ends
    return tuple(
        LayerCycles(layer, places, load, convert, max(0, takes - convert), drain, takes)
        for layer, (places, load, convert, drain, takes) in sums.items()
    )


def bound(mapping: Timed) -> int:
    """sum over steps of instances * input_bits * ceil(columns per array / lanes)."""
    return sum(s.instances * s.input.bits * s.column_groups for s in mapping.steps)


def predict(mapping: Timed) -> Cycles:
    """Cycles of one image, and of a long stream of them.

    Raises CapacityError when the stream does not become periodic within `LONGEST` images.
    """
    seen, first, last = _repeats(mapping)
    interval = mean(seen[last].leaves - seen[first].leaves, last - first)
    return Cycles(bound(mapping), seen[0].leaves - seen[0].arrives, interval, last - first)


def lead(mapping: Timed) -> int:
    """Images after which a stream's timing, also over its last period, no longer tells how the stream began.

    A multiple of the period: an image that comes after so many of its own stream is as late as one that comes after
    any larger multiple. Raises CapacityError as `predict` does.
    """
    _, first, last = _repeats(mapping)
    period = last - first
    return period * (-(-first // period) + 1)


def _repeats(mapping: Timed) -> "tuple[list[_Image], int, int]":
    """The first images of a stream, and two of them after which it goes on in the same way."""
    met: dict[tuple[int, ...], int] = {}  # state: the image that first left it
    seen: list[_Image] = []
    for n, image in enumerate(islice(_images(mapping), LONGEST + 1)):
        seen.append(image)
        first = met.setdefault(image.state, n)
        if first < n:
            return seen, first, n
    raise CapacityError(
        f"chip {mapping.chip.name}: the network's stream is not periodic within {LONGEST:,} images, so its initiation "
        "interval is not known; change a layer's width or the chip's converters"
    )


def scan_stages(mapping: Timed) -> int:
    """Cycles of xb_reduce."""
    return max(1, (clog2(mapping.chip.arrays.count) + 1) // 2)


def stream(mapping: Timed, images: int) -> tuple[list[int], list[int]]:
    """Cycles of the last input word and the last output word of each of `images` images.

    The input never pauses and output words are taken at once; the first input word enters in cycle 0.
    """
    found = list(islice(_images(mapping), images))
    return [i.arrives for i in found], [i.leaves for i in found]


class _Image(NamedTuple):
    arrives: int  # cycle of its last input word
    leaves: int  # cycle of its last output word
    state: tuple[int, ...]  # all that later images depend on, in cycles since it arrived


def _timed(mapping: Timed) -> list[Instances]:
    stream, lanes = mapping.chip.bus.stream_bytes, mapping.chip.adc.lanes
    found = []
    for s in mapping.steps:
        whole = mapping.beats if s.whole_input else 0
        place = s.source + s.walk.source
        ends = [place + load.offset + load.count for load in s.loads]
        beats = tuple(0 if n.from_memory else whole or -(-end // stream) for n, end in zip(s.loads, ends, strict=True))
        tiles = tuple(
            (
                (*(term.group for term in tile.terms), *(OPERAND for _ in tile.operands)),
                tuple(min(lanes, tile.columns - first) for first in range(0, tile.columns, lanes)),
            )
            for tile in s.tiles
        )
        wait = min(s.wait, MOST)
        operands = sum(load.operand for load in s.loads)
        sizes = s.instances, s.is_vector, operands, s.input.bits, s.column_groups, s.raw
        found.append(Instances(wait, s.releases_input, beats, *sizes, tiles))
    return found


def _images(mapping: Timed) -> Iterator[_Image]:
    """The images of an endless stream, one after another."""
    steps = _timed(mapping)
    core = Core(scan_stages(mapping), mapping.chip.memory.operands, any(s.operands for s in steps))
    released = deque([-1, -1], 2)  # [-2] two images ago: cycle its input buffer is released
    last_beat = -1
    while True:
        # Input: one beat per cycle into the free one of two buffers.
        beat = max(last_beat, released[0]) + 1
        last_beat = beat + mapping.beats - 1
        for step in steps:
            core.first(step, beat)
            core.others(step)
            if step.releases:
                released.append(core.last_load)
        times = (*released, *core.state)
        yield _Image(last_beat, core.pipe.sent, tuple([t - last_beat for t in times]))
