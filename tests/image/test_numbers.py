"""An image of a network that lost units tells of weights by the user's numbers, with and without its program."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.layout import CELLS
from codesign.image import damages, info, record, render, sections, verify
from codesign.image.files import read_manifest
from codesign.ir import Linear
from codesign.mapping import Mapping, place
from tests.hdl.programs import net
from tests.image.folders import TINY, problems

UNITS = tuple(n for n in range(15) if n not in (0, 4, 9, 13))


def numbered() -> Mapping:
    """fc1 lost four of its 15 units."""
    whole = net([20, 15, 5], TINY)
    fc1, fc2 = whole.nodes
    assert isinstance(fc1, Linear) and isinstance(fc2, Linear)
    kept = fc1.keeping(np.array(UNITS))
    return place(replace(whole, nodes=(kept, replace(fc2, weight=fc2.weight[list(UNITS)]))), TINY)


MAPPING = numbered()
FILES = render(MAPPING)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_manifest_keeps_the_numbers(folder: Path) -> None:
    pieces = read_manifest(folder).pieces
    assert [(p.array, p.layer, p.input_numbers, p.output_numbers) for p in pieces] == [
        (0, "fc1", None, UNITS[:8]),
        (1, "fc1", None, UNITS[:8]),
        (2, "fc1", None, UNITS[8:]),
        (3, "fc1", None, UNITS[8:]),
        (4, "fc2", UNITS, None),
    ]
    assert (pieces[3].inputs, pieces[3].outputs) == ((16, 20), (8, 11)), "places on the chip"
    text = json.loads(FILES["manifest.json"])
    assert "input_numbers" not in text["pieces"][0] and text["pieces"][4]["input_numbers"] == list(UNITS)
    assert record(folder) == text
    assert verify(folder, TINY) and damages(folder, MAPPING) == {}


def test_images_without_removed_units_stay_as_they_were() -> None:
    assert b"_numbers" not in render(place(net([20, 15, 5], TINY), TINY))["manifest.json"]


def test_info_tells_the_tiles(folder: Path) -> None:
    lines = [line.partition(": ")[2].rpartition(": ")[2] for line in info(folder).splitlines() if "cells of" in line]
    assert lines == [
        "fc1, outputs 1-3,5-8,10 of inputs 0-15",
        "fc1, outputs 1-3,5-8,10 of inputs 16-19",
        "fc1, outputs 11-12,14 of inputs 0-15",
        "fc1, outputs 11-12,14 of inputs 16-19",
        "fc2, outputs 0-4 of inputs 1-3,5-8,10-12,14",
    ]


@pytest.mark.parametrize(
    ("array", "wordline", "bitline", "weight"),
    [(0, 5, 3, "fc1[2, 5]"), (3, 1, 5, "fc1[14, 17]"), (4, 3, 0, "fc2[0, 5]"), (4, 10, 9, "fc2[4, 14]")],
)
def test_damage_names_the_weight(array: int, wordline: int, bitline: int, weight: str, folder: Path) -> None:
    part = next(s for s in sections(MAPPING) if (s.kind, s.index) == (CELLS, array))
    bit = bitline * TINY.device.level_bits
    at = FILES["image.bin"].index(part.words.tobytes()) + 4 * wordline * TINY.row_words + bit // 8
    data = bytearray(FILES["image.bin"])
    data[at] ^= 1 << bit % 8
    (folder / "image.bin").write_bytes(data)
    told = f"cells of array {array}, wordline {wordline}, bitline {bitline}, weight {weight})"
    assert told in problems(folder)[0]
    assert told in damages(folder, MAPPING)["image.bin"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda a: a[4]["input_numbers"].pop(), "array 4 numbers other inputs or outputs than it holds"),
        (
            lambda a: a[4].update(output_numbers=[0, 1, 2, 3, 3]),
            "array 4 numbers other inputs or outputs than it holds",
        ),
        (lambda a: a[0]["output_numbers"].append(-1), "is not an image manifest (pieces.0.output_numbers.8: "),
    ],
)
def test_numbers_that_are_none(change: Callable[[Any], object], told: str, folder: Path) -> None:
    """With checksums made anew."""
    manifest = json.loads(FILES["manifest.json"])
    change(manifest["pieces"])
    text = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    (folder / "manifest.json").write_bytes(text)
    old, new = (hashlib.sha256(data).hexdigest() for data in (FILES["manifest.json"], text))
    (folder / "SHA256SUMS").write_text(FILES["SHA256SUMS"].decode().replace(old, new))
    assert f"manifest.json: {told}" in problems(folder)[0]


@pytest.mark.parametrize("other", [lambda n: [*n[:-1], n[-1] + 1], lambda n: n[::-1]])
def test_other_numbers_than_the_list_has(other: Callable[[list[int]], list[int]], folder: Path) -> None:
    """Numbers that could be right, but cells.csv says otherwise."""
    manifest = json.loads(FILES["manifest.json"])
    manifest["pieces"][4]["input_numbers"] = other(manifest["pieces"][4]["input_numbers"])
    text = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    (folder / "manifest.json").write_bytes(text)
    assert any(line.startswith("cells.csv: differs from image.bin") for line in problems(folder))
