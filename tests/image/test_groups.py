"""Images of convolutions in groups: names of weights, cells between groups, manifests that contradict them."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.layout import CELLS
from codesign.image import damages, info, render, sections, verify
from codesign.image.files import read_manifest
from codesign.image.manifest import Manifest
from codesign.ir import Conv
from codesign.mapping import place
from tests.image.folders import problems, seal, written
from tests.mapping.test_groups import SMALL, depthwise

MAPPING = place(depthwise(), SMALL)  # deep: a block of four groups in arrays 1 and 2, one of two in array 3
BITS = SMALL.device.level_bits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image", render(MAPPING))


def test_what_is_written_is_good(folder: Path, tmp_path: Path) -> None:
    assert verify(folder, SMALL) and damages(folder, MAPPING) == {}
    packed = place(depthwise(), SMALL, objective="arrays")
    other = written(tmp_path / "other", render(packed))
    assert verify(other, SMALL) and damages(other, packed) == {}


def test_the_list_names_weights_as_the_model_does() -> None:
    """`input` is a number in (channels of a group, height, width), as in `weight.reshape(outputs, -1)`."""
    node = MAPPING.network.nodes[1]
    assert isinstance(node, Conv)
    found: dict[str, Any] = {
        "first": np.zeros((6, 2), int),
        "deep": np.zeros((6, 9), int),
        "fc": np.zeros((3, 120), int),
    }
    for line in csv.DictReader(StringIO(render(MAPPING)["cells.csv"].decode())):
        sign = 1 if line["polarity"] == "+" else -1
        found[line["layer"]][int(line["output"]), int(line["input"])] += sign * int(line["code"])
    assert (found["deep"] == node.weight.reshape(6, 9)).all()


def test_pieces_tell_groups(folder: Path) -> None:
    one, rest, two = (p for p in read_manifest(folder).pieces if p.layer == "deep")
    assert [(p.groups, p.inputs, p.outputs) for p in (one, rest, two)] == [
        ((9, 1), (0, 24), (0, 4)),
        ((9, 1), (24, 36), (0, 4)),
        ((9, 1), (0, 18), (4, 6)),
    ]
    assert two.input_numbers == tuple(9 * channel + place for place in range(9) for channel in (4, 5))
    assert {p.groups for p in read_manifest(folder).pieces if p.layer != "deep"} == {None}
    assert "deep, outputs 4-5 of inputs 36-53" in info(folder)
    pieces = json.loads((folder / "manifest.json").read_text())["pieces"]
    assert ["groups" in p for p in pieces] == [p["layer"] == "deep" for p in pieces]


@pytest.mark.parametrize(
    ("array", "wordline", "bitline", "weight"),
    [
        (1, 4, 0, ", weight deep[0, 0, 0, 1]"),
        (1, 23, 7, ", weight deep[3, 0, 1, 2]"),
        (3, 17, 2, ", weight deep[5, 0, 2, 2]"),
        (3, 16, 2, ""),
        (1, 4, 2, ""),
    ],
)
def test_damage_names_the_weight(array: int, wordline: int, bitline: int, weight: str, folder: Path) -> None:
    """A cell between two groups is part of none."""
    part = next(s for s in sections(MAPPING) if (s.kind, s.index) == (CELLS, array))
    image = folder / "image.bin"
    data, bit = bytearray(image.read_bytes()), bitline * BITS
    data[data.index(part.words.tobytes()) + 4 * wordline * SMALL.row_words + bit // 8] ^= 1 << bit % 8
    image.write_bytes(data)
    told = f"cells of array {array}, wordline {wordline}, bitline {bitline}{weight})"
    assert told in problems(folder, SMALL)[0] and told in damages(folder, MAPPING)["image.bin"]


def piece(at: int, **changes: object) -> Callable[[Manifest], Manifest]:
    def changed(m: Manifest) -> Manifest:
        pieces = [p.model_copy(update=changes) if k == at else p for k, p in enumerate(m.pieces)]
        return m.model_copy(update={"pieces": tuple(pieces)})

    return changed


def alike(**changes: object) -> Callable[[Manifest], Manifest]:
    """All pieces of deep changed."""

    def changed(m: Manifest) -> Manifest:
        pieces = [p.model_copy(update=changes) if p.layer == "deep" else p for p in m.pieces]
        return m.model_copy(update={"pieces": tuple(pieces)})

    return changed


OTHER = "has other inputs, outputs or another layer than its step"
CONTRADICTIONS = [
    (piece(3, outputs=(0, 2)), f"array 3 {OTHER}"),
    (piece(2, groups=None), f"array 2 {OTHER}"),
    (alike(groups=None), f"array 3 {OTHER}"),
    (alike(groups=(9, 2)), "array 1 holds cells outside its pieces"),
    (alike(groups=(18, 1)), "array 1 holds cells outside its pieces"),
]


@pytest.mark.parametrize(("change", "expected"), CONTRADICTIONS, ids=range(len(CONTRADICTIONS)))
def test_manifests_that_contradict_the_image(
    change: Callable[[Manifest], Manifest], expected: str, folder: Path
) -> None:
    seal(folder, change(read_manifest(folder)))
    assert problems(folder, SMALL)[0] == f"manifest.json: {expected}; copy or compile it again"


def test_cells_between_groups_are_at_level_0(tmp_path: Path) -> None:
    use = next(u for u in MAPPING.arrays if u.array == 3)
    before = use.levels[16, 2]
    use.levels[16, 2] = 1
    try:
        folder = written(tmp_path / "image", render(MAPPING))
    finally:
        use.levels[16, 2] = before
    assert before == 0
    assert problems(folder, SMALL) == [
        "manifest.json: array 3 holds cells outside its pieces; copy or compile it again",
    ]
