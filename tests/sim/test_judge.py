"""The judge of pictures, on streams made by hand: words leave pixel by pixel, and what is wrong is named by channel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints
from codesign.ir import Requant
from codesign.mapping import layers, place, stream
from codesign.program import Program
from codesign.sim import judge as module
from codesign.sim.job import Job
from codesign.sim.judge import Stream, in_order, judge
from codesign.sim.result import Result
from tests.mapping.machine import Machine
from tests.mapping.pictures import small, small_nodes
from tests.mapping.test_groups import SMALL, depthwise

CONV1, POOL1, CONV2, _ = small_nodes()
KEPT = [0, 1, 3, 4]  # channels of conv1
TINY = Chip.load("tiny")


def pictures() -> Program:
    """conv1 lost channel 2 of five; six channels of 2 x 3 pixels leave."""
    q = CONV1.requant
    first = replace(
        CONV1, weight=CONV1.weight[KEPT], requant=replace(q, mult=q.mult[KEPT], bias=q.bias[KEPT]), units=tuple(KEPT)
    )
    raw = Requant(np.ones(6, np.int64), np.arange(6), 0, INT32)
    return Program(place(small(nodes=(first, POOL1, replace(CONV2, weight=CONV2.weight[:, KEPT], requant=raw))), TINY))


PROGRAM = pictures()
IMAGES = np.random.default_rng(0).integers(0, 16, (3, 84))


def found(hidden: list[str] | None = None, **wrong: int) -> dict[str, np.ndarray[Any, Any]]:
    """What a bench finds on a chip that is right, but for one word: `image`, `word` in the order of the stream."""
    machine = Machine(PROGRAM.mapping)
    outputs = np.array([machine.run(image) for image in IMAGES])
    if wrong:
        outputs[wrong["image"], wrong["word"]] += 7
    ins, outs = stream(PROGRAM.mapping, len(IMAGES))
    return {"outputs": outputs, "ins": np.array(ins), "outs": np.array(outs), "hidden": np.array(hidden or [])}


def writes(image: int) -> Ints:
    """conv1's pooled activations as the chip writes them: (pixels, channels)."""
    (edge,) = layers(PROGRAM.mapping, IMAGES[image : image + 1])["pool1"]
    return edge.reshape(4, 9).T


def groups(values: Ints) -> list[str]:
    """Column groups of four lanes, bit b of lane l at 4 * b + l."""
    found = []
    for pixel in values.tolist():
        word = sum((v >> b & 1) << 4 * b + lane for lane, v in enumerate(pixel) for b in range(8))
        found.append(f"{word:08x}")
    return found


def verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: Ints, **wrong: int) -> Result:
    """What is judged where the probed run writes these activations."""
    jobs: list[Job] = []

    def bench(job: Job) -> tuple[dict[str, np.ndarray[Any, Any]], float]:
        jobs.append(job)
        return found(groups(values)), 0.0

    monkeypatch.setattr(module, "run_bench", bench)
    job = Job(PROGRAM, IMAGES, tmp_path)
    again = [wrong["image"]] if wrong else []
    result = judge(job, [Stream(found(**wrong))], 1.0)
    assert [(j.images.tolist(), j.probe) for j in jobs] == [([IMAGES[k].tolist()], True) for k in again]
    return result


def test_in_order_by_hand() -> None:
    """Two channels of three pixels: a0 b0 a1 b1 a2 b2."""
    assert in_order(np.array([[1, 11, 2, 12, 3, 13]]), 3).tolist() == [[1, 2, 3, 11, 12, 13]]
    assert in_order(np.array([[1, 11, 2]]), 1).tolist() == [[1, 11, 2]], "no picture"
    assert in_order(np.zeros((0, 6), np.int64), 3).shape == (0, 6)


def test_a_chip_that_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = verdict(tmp_path, monkeypatch, writes(0))
    assert result.mismatches == () and result.timing_errors == 0
    assert (result.outputs == PROGRAM.run(IMAGES)).all() and len(np.unique(result.outputs)) > 20


def test_a_wrong_word_that_leaves_is_named_by_its_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word 20 is channel 2 of pixel 3. Everything before the last layer is right."""
    result = verdict(tmp_path, monkeypatch, writes(1), image=1, word=20)
    (wrong,) = result.mismatches
    want = int(PROGRAM.run(IMAGES)[1].reshape(6, 6)[2, 3])
    assert (wrong.image, wrong.layer, wrong.output, wrong.expected, wrong.got) == (1, "conv2", 2, want, want + 7)
    assert (wrong.array, wrong.column) == PROGRAM.mapping.locate("conv2", 2) == (2, 2)


def test_the_first_wrong_activation_is_named_by_its_layer_and_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixel 5, third of the four channels, which the user knows as 3. Later ones are wrong as well."""
    values = writes(2).copy()
    want = int(values[5, 2])
    values[5, 2] ^= 1
    values[6:] ^= 2
    result = verdict(tmp_path, monkeypatch, values, image=2, word=0)
    (wrong,) = result.mismatches
    assert (wrong.image, wrong.layer, wrong.output, wrong.expected, wrong.got) == (2, "conv1", 3, want, want ^ 1)
    assert (wrong.array, wrong.column) == PROGRAM.mapping.locate("conv1", 2) == (1, 2)


def test_tiles_of_a_pixel_come_before_the_next_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven channels are a tile of eight columns and one of three; the last group has three lanes."""
    q = CONV1.requant
    eleven = replace(
        CONV1,
        weight=np.concatenate([CONV1.weight] * 3)[:11],
        requant=replace(q, mult=np.ones(11, np.int64), bias=np.arange(11)),
    )
    last = replace(
        CONV2,
        weight=np.concatenate([CONV2.weight] * 3, 1)[:, :11],
        requant=Requant(np.ones(6, np.int64), np.zeros(6, np.int64), 0, INT32),
    )
    chip = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 9})})
    program = Program(place(small(nodes=(eleven, POOL1, last)), chip))
    (edge,) = layers(program.mapping, IMAGES[:1])["pool1"]
    (step, _), written = program.mapping.steps, edge.reshape(11, 9).T
    assert [t.columns for t in step.tiles] == [8, 3]
    hidden = [g for pixel in written for g in groups(np.array([pixel[0:4], pixel[4:8], [*pixel[8:], 0]]))]
    told = list(module._activations(Job(program, IMAGES, tmp_path), hidden))
    assert told == [("conv1", "pool1", c, p, int(written[p, c])) for p in range(9) for c in range(11)]


def test_blocks_of_groups_write_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four channels of all pixels, then two: the last but one pixel of the second block is wrong in channel 5."""
    program, x = Program(place(depthwise(), SMALL)), np.random.default_rng(1).integers(0, 16, (1, 40))
    edges = layers(program.mapping, x)
    first, deep = (edges[name][0].reshape(6, 20).T for name in ("first", "deep"))
    wrong = deep.copy()
    wrong[18, 5] ^= 1
    parts = (first[:, :4], first[:, 4:])  # a column group at a time
    written = [v for pixel in range(20) for v in (parts[0][pixel], parts[1][pixel])]
    written += [*wrong[:, :4], *wrong[:, 4:]]
    lines = [
        sum((v >> b & 1) << 4 * b + k for k, v in enumerate(pixel.tolist()) for b in range(6)) for pixel in written
    ]
    hidden = np.array([f"{line:06x}" for line in lines])
    ins, outs = (np.array(v) for v in stream(program.mapping, 1))
    bad = {"outputs": program.run(x) + 1, "ins": ins, "outs": outs, "hidden": hidden}
    monkeypatch.setattr(module, "run_bench", lambda _job: (bad, 0.0))
    told = judge(Job(program, x, tmp_path), [Stream(bad)], 1.0).mismatches[0]
    assert (told.layer, told.output, told.expected, told.got) == ("deep", 5, int(deep[18, 5]), int(wrong[18, 5]))
    assert (told.array, told.column) == program.mapping.locate("deep", 5)
