"""Compare the simulated chip with the reference, word by word and cycle by cycle."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, lane_values, mean
from codesign.mapping import layers, stream
from codesign.sim.job import Job, run_bench
from codesign.sim.result import Mismatch, Result
from codesign.sim.simulators import SIMULATORS


@dataclass(frozen=True, eq=False)
class Stream:
    """What one simulation found: `found` of images first - shared .. of the job; the first `shared` of them also end
    the stream before it, to which they belong."""

    found: Mapping[str, NDArray[Any]]  # outputs, ins, outs, hidden: see `run_bench`
    first: int = 0
    shared: int = 0

    def own(self, name: str) -> NDArray[Any]:
        """An entry of `found` without the images of the stream before."""
        return self.found[name][self.shared :]


def judge(job: Job, streams: Sequence[Stream], seconds: float) -> Result:
    """The result of a finished job, in one stream or several; every image of each is compared.

    The first wrong image runs again to find the first layer that is wrong.
    """
    program = job.program
    expected = program.run(job.images, job.die)
    last, pixels = program.mapping.steps[-1].layer, program.mapping.layers[-1].pixels
    wrong: dict[tuple[int, int], int] = {}
    late: set[int] = set()
    for s in streams:
        start = s.first - s.shared
        got = in_order(s.found["outputs"].astype(np.int64), pixels)
        for image, output in np.argwhere(got != expected[start : start + len(got)]).tolist():
            wrong.setdefault((start + image, output), int(got[image, output]))
        if not job.pauses.any:
            late |= {start + n for n in _late(job, s.found["ins"].tolist(), s.found["outs"].tolist())}
    mismatches = []
    for (image, output), got_there in sorted(wrong.items()):
        want, channel = int(expected[image, output]), output // pixels
        array, column = program.mapping.locate(last, channel) or (None, None)
        mismatches.append(Mismatch(image, last, _number(job, last, channel), array, column, want, got_there))
    if mismatches:
        mismatches[0] = _first_layer(job, mismatches[0])
    return Result(
        outputs=in_order(np.concatenate([s.own("outputs") for s in streams]).astype(np.int64), pixels),
        latencies=[n for s in streams for n in (s.own("outs") - s.own("ins")).tolist()],
        interval=_interval(streams[-1].found["outs"].tolist(), program.cycles.period),
        mismatches=tuple(mismatches),
        timing_errors=len(late),
        seconds=seconds,
        simulator=job.simulator,
        version=SIMULATORS[job.simulator].version(),
        cycles_compared=0 if job.pauses.any else 2 * len(job.images),
    )


def in_order(words: Ints, pixels: int) -> Ints:
    """Output words of images, which leave the chip pixel by pixel, as the network has them: channel by channel."""
    return words.reshape(len(words), pixels, words.shape[1] // pixels).swapaxes(1, 2).reshape(words.shape)


def _interval(outs: list[int], period: int) -> int | float:
    """Mean over the last `period` images, so that it does not matter where in its period the stream ends."""
    count = min(period, len(outs) - 1)
    return mean(outs[-1] - outs[-1 - count], count) if count else 0


def _late(job: Job, ins: list[int], outs: list[int]) -> list[int]:
    """Images whose last word entered or left in a different cycle than predicted, counted from the first to enter."""
    want_in, want_out = stream(job.program.mapping, len(ins))
    got = [(i - ins[0], o - ins[0]) for i, o in zip(ins, outs, strict=True)]
    want = [(i - want_in[0], o - want_in[0]) for i, o in zip(want_in, want_out, strict=True)]
    return [n for n, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]


def _first_layer(job: Job, found: Mismatch) -> Mismatch:
    """The first wrong activation of that image, or `found` when all hidden layers are right."""
    single = replace(job, images=job.images[found.image : found.image + 1], probe=True, waves=False)
    probed, _ = run_bench(single)
    values = layers(job.program.mapping, single.images, job.die)
    expected = {edge: v.reshape(1, v.shape[1], -1) for edge, v in values.items()}  # image, channel, pixel
    for layer, edge, channel, pixel, got in _activations(job, probed["hidden"].tolist()):
        want = int(expected[edge][0, channel, pixel])
        if got != want:
            array, column = job.program.mapping.locate(layer, channel) or (None, None)
            number = _number(job, layer, channel)
            return replace(found, layer=layer, output=number, array=array, column=column, expected=want, got=got)
    return found


def _number(job: Job, layer: str, output: int) -> int:
    """The user's number of an output that the network has at this place."""
    return int(job.program.network.numbers_of(layer)[output])


def _activations(job: Job, writes: list[str]) -> Iterator[tuple[str, str, int, int, int]]:
    """(layer, edge, channel, pixel, value) of every hidden activation, in the order of the chip's writes."""
    lanes = job.program.chip.adc.lanes
    groups = iter(writes)
    for step, layer in zip(job.program.mapping.steps, job.program.mapping.layers, strict=True):
        if step.raw:
            continue
        own = layer.outputs
        for pixel, tile in product(range(layer.pixels), step.tiles):
            for first in range(0, tile.columns, lanes):
                values = lane_values(int(next(groups, "0"), 16), lanes, step.out)
                for lane, value in enumerate(values[: tile.columns - first]):
                    channel = own.start + tile.column + first + lane
                    yield step.layer, layer.size.gives, channel, pixel, value
