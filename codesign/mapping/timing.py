"""Predicted cycles: the Python twin of the chip's pipeline in terms of events, exact for unstalled streams.

A cycle number names the clock cycle in which something happens; its effect is seen one cycle later.
Each rule below stands for a register in xb_fetch, xb_convert, xb_reduce, xb_accumulate, xb_drain, xb_requant
or xb_stream_out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from codesign.brief import Brief
from codesign.errors import CapacityError
from codesign.fixed import clog2, mean
from codesign.mapping.mapping import Mapping, Plan

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


def bound(mapping: Timed) -> int:
    """sum over steps of input_bits * ceil(columns per array / lanes)."""
    return sum(s.input.bits * s.column_groups for s in mapping.steps)


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


class _Step(NamedTuple):
    """What the cycles of a step depend on."""

    wait: int
    releases: bool
    beats: tuple[int, ...]  # input beats that each load waits for; 0: none
    planes: int  # input bits
    groups: int  # cycles that a plane is converted in
    raw: bool
    tiles: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]  # first column group of each term; columns of each group


def _timed(mapping: Timed) -> list[_Step]:
    stream, lanes = mapping.chip.bus.stream_bytes, mapping.chip.adc.lanes
    found = []
    for s in mapping.steps:
        beats = tuple(0 if load.from_memory else -(-(load.offset + load.count) // stream) for load in s.loads)
        tiles = tuple(
            (
                tuple(term.group for term in tile.terms),
                tuple(min(lanes, tile.columns - first) for first in range(0, tile.columns, lanes)),
            )
            for tile in s.tiles
        )
        found.append(_Step(s.wait, s.releases_input, beats, s.input.bits, s.column_groups, s.raw, tiles))
    return found


def _images(mapping: Timed) -> Iterator[_Image]:
    """The images of an endless stream, one after another."""
    steps = _timed(mapping)
    back = max(2, *(s.wait for s in steps))
    released = deque([-1, -1], 2)  # [-2] two images ago: cycle its input buffer is released
    sampled = deque([-1, -1], 2)  # [-2] two steps ago: cycle of its last sample
    cleared = deque([-1, -1], 2)  # cycle its accumulators are read out
    drained = deque([-1] * back, back)  # [-k] k steps ago: cycle its last result is written
    last_beat, last_load, converters = -1, -1, -1
    pipe = _Pipe(scan_stages(mapping))

    while True:
        # Input: one beat per cycle into the free one of two buffers.
        beat = max(last_beat, released[0]) + 1
        last_beat = beat + mapping.beats - 1
        for step in steps:
            # Fetch: one load per cycle, once a bank is free, the producer drained and the activations present.
            start = max(last_load, sampled[0], drained[-step.wait] if step.wait else -1) + 1
            if step.wait:
                last_load = start + len(step.beats) - 1
            else:
                for beats in step.beats:
                    last_load = start = max(start, beat + beats)
                    start += 1
            if step.releases:
                released.append(last_load)
            # Convert: the first sample may overlap the last conversion of the step before.
            sample = max(last_load + 2, converters, cleared[0] + 1)
            sampled.append(sample + (step.planes - 1) * step.groups)
            converters = sample + step.planes * step.groups
            read, written = pipe.drain(step, sampled[-1])
            cleared.append(read)
            drained.append(written)
        times = (*released, *sampled, *cleared, *drained, last_load, converters, *pipe.state)
        yield _Image(last_beat, pipe.sent, tuple([t - last_beat for t in times]))


class _Pipe:
    """Drain, requantizer and output stream: one term of a column group per cycle, unless an output word waits."""

    def __init__(self, stages: int) -> None:
        self.delay = stages + 3  # last sample to complete column group, less the number of the group
        self.issued = self.moved = self.left = -1  # last term: drained, in stage 2; last column group: out
        self.sent = -1  # last output word

    @property
    def state(self) -> tuple[int, ...]:
        """The cycles that later column groups depend on."""
        return self.issued, self.moved, self.left, self.sent

    def drain(self, step: _Step, sampled: int) -> tuple[int, int]:
        """Cycles in which the step's accumulators are all read, and its last result leaves the requantizer."""
        issued, moved, left, sent = self.state
        for terms, widths in step.tiles:
            alone = len(terms) == 1 and not step.raw  # then nothing delays further groups: one per cycle
            for group, width in enumerate(widths[:1] if alone else widths):
                for term in terms:
                    issued = max(issued + 1, moved, sampled + self.delay + term + group)
                    moved = max(issued + 1, left)
                left = max(moved + 1, sent) if step.raw else moved + 1  # with the last term
                if step.raw:
                    sent = left + width
            if alone:
                more = len(widths) - 1
                issued, moved, left = issued + more, moved + more, left + more
        self.issued, self.moved, self.left, self.sent = issued, moved, left, sent
        return issued, left
