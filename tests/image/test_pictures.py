"""Images of convolutions: names of weights, pictures that leave, walks for people, contradicting manifests."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.layout import CELLS
from codesign.fixed import INT32, IntType
from codesign.image import (
    damages,
    entries,
    info,
    parse,
    plain_entries,
    record,
    render,
    sections,
    show_entries,
    verify,
)
from codesign.image.files import read_manifest
from codesign.image.manifest import Manifest
from codesign.image.words import stream
from codesign.ir import Network, Requant
from codesign.ir import verify as legal
from codesign.mapping import Mapping, place
from tests.image.folders import TINY, problems, seal, written
from tests.mapping.pictures import conv, small, small_nodes

UNITS = (0, 1, 3, 4)  # of conv1, which lost one
CONV1, POOL1, CONV2, FC = small_nodes()


def numbered() -> Mapping:
    """conv1 without channel 2, conv2 without what read it."""
    kept, q = list(UNITS), CONV1.requant
    requant = replace(q, mult=q.mult[kept], bias=q.bias[kept])
    first = replace(CONV1, weight=CONV1.weight[kept], requant=requant, units=UNITS)
    second = replace(CONV2, weight=CONV2.weight[:, kept])
    return place(small(nodes=(first, POOL1, second, FC)), TINY)


def leaving() -> Mapping:
    """conv2 is the last layer: six channels of 2 x 3 pixels leave the chip."""
    raw = Requant(np.ones(6, np.int64), np.arange(6), 0, INT32)
    return place(small(nodes=(CONV1, POOL1, replace(CONV2, requant=raw))), TINY)


MAPPING, LEAVING = numbered(), leaving()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image", render(MAPPING))


def test_what_is_written_is_good(folder: Path, tmp_path: Path) -> None:
    assert verify(folder, TINY) and damages(folder, MAPPING) == {}
    other = written(tmp_path / "other", render(LEAVING))
    assert verify(other, TINY) and damages(other, LEAVING) == {}
    assert record(folder) == json.loads((folder / "manifest.json").read_text())


def test_the_list_names_weights_as_the_model_does() -> None:
    """`input` of a convolution is a number in (channels, height, width), before any unit was removed."""
    found: dict[str, np.ndarray[Any, Any]] = {
        "conv1": np.zeros((5, 18), int),
        "conv2": np.zeros((6, 10), int),
        "fc": np.zeros((3, 36), int),
    }
    for line in csv.DictReader(StringIO(render(MAPPING)["cells.csv"].decode())):
        sign = 1 if line["polarity"] == "+" else -1
        found[line["layer"]][int(line["output"]), int(line["input"])] += sign * int(line["code"])
    conv1, conv2 = CONV1.weight.reshape(5, 18), CONV2.weight.reshape(6, 5, 2)
    conv1[2], conv2[:, 2] = 0, 0
    assert (found["conv1"] == conv1).all() and (found["conv2"] == conv2.reshape(6, 10)).all()
    assert (found["fc"] == FC.weight.T).all()


def test_pieces_tell_the_numbers_of_their_rows(folder: Path) -> None:
    """conv2's rows come pixel by pixel of its kernel, all channels of a pixel together; conv1's as they are."""
    pieces = read_manifest(folder).pieces
    assert [(p.layer, p.kernel) for p in pieces[:4]] == [
        ("conv1", (3, 3)),
        ("conv1", (3, 3)),
        ("conv2", (2, 1)),
        ("fc", None),
    ]
    assert [(p.input_numbers, p.output_numbers) for p in pieces[:3]] == [
        (None, UNITS),
        (None, UNITS),
        ((0, 2, 6, 8, 1, 3, 7, 9), None),
    ]
    assert pieces[3].named_inputs[:4] == (0, 6, 12, 18), "channels of pixel 0"


def test_info_tells_numbers_in_order(folder: Path) -> None:
    held = [line.partition("cells of ")[2] for line in info(folder).splitlines() if "cells of" in line]
    assert [line.rpartition(": ")[2] for line in held[:3]] == [
        "conv1, outputs 0-1,3-4 of inputs 0-15",
        "conv1, outputs 0-1,3-4 of inputs 16-17",
        "conv2, outputs 0-5 of inputs 0-3,6-9",
    ]


@pytest.mark.parametrize(
    ("array", "wordline", "bitline", "weight"),
    [
        (0, 5, 3, "conv1[1, 0, 1, 2]"),
        (0, 13, 4, "conv1[3, 1, 1, 1]"),
        (1, 1, 7, "conv1[4, 1, 2, 2]"),
        (2, 1, 0, "conv2[0, 1, 0, 0]"),
        (2, 6, 11, "conv2[5, 3, 1, 0]"),
        (3, 7, 2, "fc[1, 7]"),
    ],
)
def test_damage_names_the_weight(array: int, wordline: int, bitline: int, weight: str, folder: Path) -> None:
    """fc's wordline 7 gets channel 1 of pixel 1, the seventh value as the network counts."""
    part = next(s for s in sections(MAPPING) if (s.kind, s.index) == (CELLS, array))
    image = folder / "image.bin"
    data, bit = bytearray(image.read_bytes()), bitline * TINY.device.level_bits
    data[data.index(part.words.tobytes()) + 4 * wordline * TINY.row_words + bit // 8] ^= 1 << bit % 8
    image.write_bytes(data)
    told = f"cells of array {array}, wordline {wordline}, bitline {bitline}, weight {weight})"
    assert told in problems(folder)[0] and told in damages(folder, MAPPING)["image.bin"]


def test_damaged_walks_are_named(folder: Path) -> None:
    text = (folder / "walks.hex").read_bytes()
    assert text.count(b"\n") == 3, "an entry a line"
    (folder / "walks.hex").write_bytes(text[:-2] + b"1\n")
    assert problems(folder) == [
        f"walks.hex: its SHA-256 is not the one in manifest.json, byte {len(text) - 2} is wrong "
        "(walks, entry 2, count_0); copy or compile it again"
    ]


def test_a_picture_that_leaves() -> None:
    files = render(LEAVING)
    outputs = json.loads(files["manifest.json"])["outputs"]
    assert (outputs["count"], outputs["shape"]) == (36, [6, 2, 3])
    header = files["network.h"].decode()
    assert [line for line in header.splitlines() if "OUTPUT" in line and "define" in line] == [
        "#define CODESIGN_OUTPUTS 36u /* words of one image */",
        "#define CODESIGN_OUTPUT_STEP 1.0",
        "#define CODESIGN_OUTPUT_CHANNELS 6u /* words come pixel by pixel, all channels of a pixel together */",
        "#define CODESIGN_OUTPUT_HEIGHT 2u",
        "#define CODESIGN_OUTPUT_WIDTH 3u",
    ]
    plain = render(MAPPING)
    assert "shape" not in json.loads(plain["manifest.json"])["outputs"]
    assert b"OUTPUT_CHANNELS" not in plain["network.h"]


def test_entries_for_people_and_programs() -> None:
    found = entries(parse(stream(TINY, sections(MAPPING)).tobytes(), TINY), TINY)
    text = show_entries(found)
    walks = text[text.index("walks") :].splitlines()
    assert walks[0].split()[:5] == ["walks", "count_0", "column_0", "source_0", "write_0"], "all rows are 0"
    assert [line.split()[:5] for line in walks[1:]] == [
        ["0", "1", "0", "0", "0"],
        ["1", "2", "1", "1", "0"],
        ["2", "3", "4", "4", "6"],
    ]
    assert plain_entries(found)["walks"][2] == {"entry": 2, **found["walks"][2].numbers}
    assert plain_entries(found)["steps"][0]["row"] == -1


def other(part: str, **changes: object) -> Callable[[Manifest], Manifest]:
    return lambda m: m.model_copy(update={part: getattr(m, part).model_copy(update=changes)})


def with_kernel(at: int, kernel: tuple[int, int] | None) -> Callable[[Manifest], Manifest]:
    def changed(m: Manifest) -> Manifest:
        pieces = [p.model_copy(update={"kernel": kernel}) if k == at else p for k, p in enumerate(m.pieces)]
        return m.model_copy(update={"pieces": tuple(pieces)})

    return changed


SHAPE = "its outputs have another shape than the last step's, 6 pixels of 6 channels"
CONTRADICTIONS = [
    (other("outputs", shape=(6, 1, 3)), SHAPE),
    (other("outputs", shape=(3, 2, 6)), SHAPE),
    (other("outputs", count=6), "its outputs are not those of the last step"),
    (other("inputs", features=85, shape=None), "its inputs are not those of the first step"),
    (other("inputs", features=80, shape=(2, 4, 10)), "its inputs are not those of the first step"),
    (other("inputs", shape=(2, 6, 6)), "its inputs have the shape of 72 values, not 84"),
    (with_kernel(2, None), "layer conv2 has 10 inputs, its step has a different number"),
    (with_kernel(2, (3, 1)), "layer conv2 has 10 inputs, which are no channels of (3, 1)"),
    (with_kernel(1, (9, 1)), "array 1 has other inputs, outputs or another layer than its step"),
]


@pytest.mark.parametrize(("change", "expected"), CONTRADICTIONS, ids=[line for _, line in CONTRADICTIONS])
def test_manifests_that_contradict_the_image(
    change: Callable[[Manifest], Manifest], expected: str, tmp_path: Path
) -> None:
    folder = written(tmp_path / "image", render(LEAVING))
    seal(folder, change(read_manifest(folder)))
    assert problems(folder)[0] == f"manifest.json: {expected}; copy or compile it again"


def test_a_convolution_of_one_place(tmp_path: Path) -> None:
    """No walk and no padding, and yet it reads a part of the input only."""
    raw = Requant(np.ones(2, np.int64), np.zeros(2, np.int64), 0, INT32)
    last = conv("c", "input", (2, 1, 2, 2), raw, stride=2)
    network = legal(Network("corner", 9, IntType(4), (last,), shape=(1, 3, 3)))
    mapping = place(network, TINY)
    assert not mapping.steps[0].walk.levels
    folder = written(tmp_path / "image", render(mapping))
    assert verify(folder, TINY)
    assert json.loads((folder / "manifest.json").read_text())["outputs"]["shape"] == [2, 1, 1]
