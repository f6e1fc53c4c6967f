"""The Python twin of the chip's pipeline in terms of events, exact for unstalled streams.

A cycle number names the clock cycle in which something happens; its effect is seen one cycle later.
Each rule below stands for a register in xb_fetch, xb_convert, xb_reduce, xb_accumulate, xb_operand, xb_drain,
xb_requant or xb_stream_out.
"""

from collections import deque
from typing import NamedTuple

from codesign.chip.layout import STEP

OPERAND = -1  # in place of a term's column group
MOST = STEP.field("wait").hi  # instances; at most 6 are between fetch and drain, a producer further back is done


class Instances(NamedTuple):
    """What the cycles of a step depend on."""

    wait: int
    releases: bool
    beats: tuple[int, ...]  # input beats that each load waits for; 0: none
    instances: int
    vector: bool
    operands: int  # of an instance, loaded before all else
    planes: int  # input bits
    groups: int  # cycles that a plane is converted in
    raw: bool
    tiles: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]  # first column group of each term; columns of each group


class Core:
    """Fetch, converters, and what follows: one instance of a step after another."""

    def __init__(self, stages: int, operands: int, combines: bool) -> None:
        self.sampled = deque([-1, -1], 2)  # [-2] two matrix instances ago: cycle of its last sample
        self.cleared = deque([-1, -1], 2)  # cycle its accumulators are read out
        self.drained = deque([-1] * MOST, MOST)  # [-k] k instances ago: cycle its last result is written
        self.taken = deque([-1] * operands, operands) if combines else deque[int]()  # cycles operands are taken
        self.last_load, self.converters = -1, -1
        self.skipped = 0  # vector steps since the last sample
        self.pipe = Pipe(stages)

    @property
    def state(self) -> tuple[int, ...]:
        """The cycles that later instances depend on."""
        converts = *self.sampled, *self.cleared, self.converters
        return (*converts, *self.taken, *self.drained, self.last_load, *self.pipe.state)

    def first(self, step: Instances, beat: int) -> None:
        """The first instance of a step. Its loads wait for the producer, or for activations of the input."""
        start = max(self._free(step), self.drained[-step.wait] + 1 if step.wait else 0)
        if step.vector:
            self.skipped += 1
            self._combine(step, start)
            return
        if step.wait:
            self._load(step, start)
        else:
            for beats in step.beats:
                self.last_load = start = max(start, beat + beats)
                start += 1
        self._convert(step)

    def others(self, step: Instances) -> None:
        """All further instances: as soon as the cycles of one, from its last load on, are those of an earlier one, what
        lies between the two repeats, because they depend on nothing else.
        """
        met: dict[tuple[int, ...], tuple[int, int]] = {}
        left = step.instances - 1
        while left:
            left -= 1
            self.next(step)
            before, then = met.setdefault(self._ahead(step), (left, self.last_load))
            if before > left:
                period = before - left
                self._skip(step, period, left // period, self.last_load - then)
                left %= period
                met = {}

    def next(self, step: Instances) -> None:
        """An instance that follows another one of its step."""
        if step.vector:
            self._combine(step, self._free(step))
            return
        self._load(step, self._free(step))
        self._convert(step)

    def _free(self, step: Instances) -> int:
        """The first cycle in which an instance may load: a load at a time, few instances at a time, a free bank."""
        return max(self.last_load, self.drained[0], -1 if step.vector else self.sampled[0]) + 1

    def _load(self, step: Instances, start: int) -> None:
        """One load per cycle; those of operands wait for places in the queue."""
        for number in range(step.operands):
            start = max(start, self.taken[number] + 1) + 1
        self.last_load = start + len(step.beats) - step.operands - 1

    def _convert(self, step: Instances) -> None:
        # The first sample may overlap the last conversion of the instance before.
        sample = max(self.last_load + 2, self.converters, self.cleared[0] + 1, self.sampled[-1] + 1 + self.skipped)
        self.skipped = 0
        self.sampled.append(sample + (step.planes - 1) * step.groups)
        self.converters = sample + step.planes * step.groups
        read, written = self.pipe.drain(step, self.sampled[-1], self.taken)
        self.cleared.append(read)
        self.drained.append(written)

    def _combine(self, step: Instances, start: int) -> None:
        # Each load of an operand waits for a place in the queue; the requantizer takes it two cycles later or more.
        for number in range(1, len(step.beats) + 1):
            self.last_load = max(start, self.taken[0] + 1)
            start = self.last_load + 1
            self.taken.append(self.pipe.take(self.last_load + 2, number == len(step.beats)))
        self.drained.append(self.pipe.left)

    def _ahead(self, step: Instances) -> tuple[int, ...]:
        """What the cycles of further instances of a step depend on, in cycles since the last load.

        A cycle before the earliest in which an instance could need it says no more than that one.
        """
        now, loads = self.last_load, len(step.beats)
        pipe = self.pipe.state if step.raw else self.pipe.state[:-1]
        found = [t - now for t in pipe] + [max(t - now, k * loads) for k, t in enumerate(self.drained)]
        if step.operands:
            found += [max(t - now, k) for k, t in enumerate(self.taken)]
        if not step.vector:
            found += [t - now for t in (*self.sampled, *self.cleared, self.converters)]
        return tuple(found)

    def _skip(self, step: Instances, period: int, times: int, cycles: int) -> None:
        """Go on by `times` periods of so many instances, each of which takes so many cycles more."""
        moved = [(self.drained, period)]
        moved += [(self.taken, period * step.operands)] if step.operands else []
        moved += [] if step.vector else [(self.sampled, period), (self.cleared, period)]
        last = min(times, max(-(-len(d) // count) for d, count in moved))  # periods until all is of this step
        for d, count in moved:
            d.extend([t + (times - last) * cycles for t in d])
            if count > len(d):  # all of it is of this step already
                d.extend([t + last * cycles for t in d])
            else:
                d.extend([d[k % count - count] + (k // count + 1) * cycles for k in range(last * count)])
        self.last_load += times * cycles
        if not step.vector:
            self.converters += times * cycles
        self.pipe.shift(times * cycles, step.raw)


class Pipe:
    """Drain, requantizer and output stream: one term of a column group per cycle, unless an output word waits."""

    def __init__(self, stages: int) -> None:
        self.delay = stages + 3  # last sample to complete column group, less the number of the group
        self.issued = self.moved = self.left = -1  # last term: drained, in stage 2; last column group: out
        self.sent = -1  # last output word

    @property
    def state(self) -> tuple[int, ...]:
        """The cycles that later column groups depend on."""
        return self.issued, self.moved, self.left, self.sent

    def shift(self, cycles: int, raw: bool) -> None:
        """Everything so much later; the output stream too if results are raw."""
        self.issued, self.moved, self.left = self.issued + cycles, self.moved + cycles, self.left + cycles
        self.sent += cycles * raw

    def take(self, ready: int, last: bool) -> int:
        """Cycle in which an operand that is there in `ready` is taken; with the last one the result leaves."""
        self.issued = max(self.issued + 1, self.moved, ready)
        self.moved = max(self.issued + 1, self.left)
        if last:
            self.left = self.moved + 1
        return self.issued

    def drain(self, step: Instances, sampled: int, taken: deque[int]) -> tuple[int, int]:
        """Cycles in which the step's accumulators are all read, and its last result leaves the requantizer.

        taken: gets the cycle of each operand, which has come before the accumulators are complete.
        """
        issued, moved, left, sent = self.state
        for terms, widths in step.tiles:
            alone = len(terms) == 1 and not step.raw  # then nothing delays further groups: one per cycle
            for group, width in enumerate(widths[:1] if alone else widths):
                for term in terms:
                    issued = max(issued + 1, moved)
                    if term == OPERAND:
                        taken.append(issued)
                    else:
                        issued = max(issued, sampled + self.delay + term + group)
                    moved = max(issued + 1, left)
                left = max(moved + 1, sent) if step.raw else moved + 1  # with the last term
                if step.raw:
                    sent = left + width
            if alone:
                more = len(widths) - 1
                issued = moved + more - 1 if more else issued  # each enters stage 2 as soon as the one before leaves it
                moved, left = moved + more, left + more
        self.issued, self.moved, self.left, self.sent = issued, moved, left, sent
        return issued, left
