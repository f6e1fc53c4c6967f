"""Compare the simulated chip with the reference, word by word and cycle by cycle."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import lane_values, mean
from codesign.mapping import layers, stream
from codesign.sim.job import Job, run_bench
from codesign.sim.result import Mismatch, Result


def judge(job: Job, found: dict[str, NDArray[Any]], seconds: float) -> Result:
    """The result of a finished job. The first wrong image runs again to find the first layer that is wrong."""
    program = job.program
    outputs = found["outputs"].astype(np.int64)
    expected = program.run(job.images, job.die)
    last = program.mapping.steps[-1].layer
    mismatches = []
    for image, output in np.argwhere(outputs != expected).tolist():
        array, column = program.mapping.locate(last, output)
        want, got = int(expected[image, output]), int(outputs[image, output])
        mismatches.append(Mismatch(image, last, _number(job, last, output), array, column, want, got))
    if mismatches:
        mismatches[0] = _first_layer(job, mismatches[0])
    ins, outs = found["ins"].tolist(), found["outs"].tolist()
    return Result(
        outputs=outputs,
        latencies=[o - i for i, o in zip(ins, outs, strict=True)],
        interval=_interval(outs, program.cycles.period),
        mismatches=tuple(mismatches),
        timing_errors=0 if job.pauses.any else _timing_errors(job, ins, outs),
        seconds=seconds,
    )


def _interval(outs: list[int], period: int) -> int | float:
    """Mean over the last `period` images, so that it does not matter where in its period the stream ends."""
    count = min(period, len(outs) - 1)
    return mean(outs[-1] - outs[-1 - count], count) if count else 0


def _timing_errors(job: Job, ins: list[int], outs: list[int]) -> int:
    """Images whose last word entered or left in a different cycle than predicted, counted from the first to enter."""
    want_in, want_out = stream(job.program.mapping, len(ins))
    got = [(i - ins[0], o - ins[0]) for i, o in zip(ins, outs, strict=True)]
    want = [(i - want_in[0], o - want_in[0]) for i, o in zip(want_in, want_out, strict=True)]
    return sum(g != w for g, w in zip(got, want, strict=True))


def _first_layer(job: Job, found: Mismatch) -> Mismatch:
    """The first wrong activation of that image, or `found` when all hidden layers are right."""
    single = replace(job, images=job.images[found.image : found.image + 1], probe=True, waves=False)
    probed, _ = run_bench(single)
    expected = layers(job.program.mapping, single.images, job.die)
    for layer, output, got in _activations(job, probed["hidden"].tolist()):
        want = int(expected[layer][0, output])
        if got != want:
            array, column = job.program.mapping.locate(layer, output)
            number = _number(job, layer, output)
            return replace(found, layer=layer, output=number, array=array, column=column, expected=want, got=got)
    return found


def _number(job: Job, layer: str, output: int) -> int:
    """The user's number of an output that the network has at this place."""
    return int(job.program.network.numbers_of(layer)[output])


def _activations(job: Job, writes: list[str]) -> Iterator[tuple[str, int, int]]:
    """(layer, output, value) of every hidden activation, in the order in which the chip writes column groups."""
    lanes = job.program.chip.adc.lanes
    groups = iter(writes)
    for step in job.program.mapping.steps:
        if step.raw:
            continue
        for tile in step.tiles:
            for first in range(0, tile.columns, lanes):
                values = lane_values(int(next(groups, "0"), 16), lanes, step.out)
                for lane, value in enumerate(values[: tile.columns - first]):
                    yield step.layer, tile.column + first + lane, value
