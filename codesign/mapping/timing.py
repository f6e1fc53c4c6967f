"""Predicted cycles: a twin of the chip's pipeline in terms of events, exact for unstalled streams.

A cycle number names the clock cycle in which something happens; its effect is seen one cycle later.
Each rule below is a register in xb_fetch, xb_convert, xb_reduce, xb_accumulate, xb_drain, xb_requant
or xb_stream_out.
"""

from collections import defaultdict
from dataclasses import dataclass

from codesign.fixed import clog2
from codesign.mapping.graph import Mapping, Plan, StepPlan

Timed = Plan | Mapping  # the numbers in the cells do not matter


@dataclass(frozen=True)
class Cycles:
    """What a program takes. `bound` is what the converters alone need for one image.

    latency: from the last input word to the last output word of an image that meets an idle chip.
    interval: between the last output words of two images when the input never pauses.
    """

    bound: int
    latency: int
    interval: int


def bound(mapping: Timed) -> int:
    """sum over steps of input_bits * ceil(columns per array / lanes)."""
    return sum(s.input.bits * s.groups for s in mapping.steps)


def predict(mapping: Timed) -> Cycles:
    """Cycles of one image, and of a long stream of them."""
    ins, outs = stream(mapping, 12)
    return Cycles(bound(mapping), outs[0] - ins[0], outs[-1] - outs[-2])


def scan_stages(mapping: Timed) -> int:
    """Cycles of xb_reduce."""
    return max(1, (clog2(mapping.chip.arrays.count) + 1) // 2)


def stream(mapping: Timed, images: int) -> tuple[list[int], list[int]]:
    """Cycles of the last input word and the last output word of each of `images` images.

    Input words come whenever the chip takes one, output words are taken at once; cycle 0 takes the first.
    """
    steps, count = mapping.steps, len(mapping.steps)
    units = mapping.chip.arrays.rows // mapping.chip.bus.stream_bytes
    stages = scan_stages(mapping)
    arrivals: list[list[int]] = []  # [image][word]: cycle of the word's last beat
    released: list[int] = []  # [image]: cycle its input buffer is given back
    sampled: dict[int, int] = defaultdict(lambda: -1)  # [step number]: cycle of its last sample
    drained: dict[int, int] = defaultdict(lambda: -1)  # cycle its last result is written
    cleared: dict[int, int] = defaultdict(lambda: -1)  # cycle its accumulators are read out
    last_beat, last_load, converters = -1, -1, -1
    pipe = _Pipe(stages)
    outs: list[int] = []

    for image in range(images):
        # Input: a beat a cycle into the free one of two buffers.
        beat = max(last_beat + 1, released[image - 2] + 1 if image >= 2 else 0)
        last_beat = beat + mapping.beats - 1
        arrivals.append([min(beat + (w + 1) * units - 1, last_beat) for w in range(-(-mapping.beats // units))])
        for k, step in enumerate(steps):
            n = image * count + k
            # Fetch: a load a cycle; a bank must be free, the producer drained, the word there.
            start = max(last_load + 1, sampled[n - 2] + 1, drained[n - step.wait] + 1 if step.wait else 0)
            for load in step.loads:
                ready = 0 if load.hidden else arrivals[image][load.word] + 1
                last_load = start = max(start, ready)
                start += 1
            if step.releases_input:
                released.append(last_load)
            # Convert: the first sample may fall into the last conversion of the step before.
            sample = max(last_load + 2, converters, cleared[n - 2] + 1)
            sampled[n] = sample + (step.input.bits - 1) * step.groups
            converters = sample + step.input.bits * step.groups
            cleared[n], drained[n] = pipe.drain(step, mapping, sampled[n])
        outs.append(pipe.sent)
    return [a[-1] for a in arrivals], outs


class _Pipe:
    """Drain, requantizer and output stream: a group a cycle, unless the output word is not taken yet."""

    def __init__(self, stages: int) -> None:
        self.delay = stages + 3  # last sample to the first complete group, less the group number
        self.issued = self.moved = self.left = -1  # last group: drained, in stage 2, out
        self.sent = -1  # last output word

    def drain(self, step: StepPlan, mapping: Timed, sampled: int) -> tuple[int, int]:
        """Cycles in which the step's accumulators are all read, and its last result leaves the requantizer."""
        lanes = mapping.chip.adc.lanes
        for tile in step.tiles:
            groups = -(-tile.columns // lanes)
            for group in range(groups if step.raw else 1):
                complete = sampled + self.delay + group
                issue = max(self.issued + 1, self.moved, complete)
                move = max(issue + 1, self.left)
                leave = max(move + 1, self.sent) if step.raw else move + 1
                if step.raw:
                    self.sent = leave + min(lanes, tile.columns - group * lanes)
                self.issued, self.moved, self.left = issue, move, leave
            if not step.raw and groups > 1:  # nothing holds the further groups up: each a cycle after the one before
                self.issued, self.moved, self.left = move + groups - 2, move + groups - 1, leave + groups - 1
        return self.issued, self.left
