"""Constants and offsets by the outputs of the user's model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import image
from codesign.chip.description import Chip
from codesign.chip.layout import TRIMS
from codesign.image.cell_list import held_by
from codesign.image.descriptors import encode_offsets
from codesign.image.manifest import PieceRef
from codesign.image.outputs import SHOWN
from codesign.mapping import Mapping, place
from codesign.program import Program
from tests.cli.calls import Call
from tests.hdl.programs import net
from tests.image.test_numbers import UNITS, numbered
from tests.mapping.pictures import small
from tests.mapping.sliced import sliced_net

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")


def opened(mapping: Mapping) -> tuple[image.Image, Chip, tuple[PieceRef, ...]]:
    """An image with offsets, its chip and its pieces."""
    rng, parts = np.random.default_rng(0), []
    for s in image.sections(mapping):
        offsets = rng.integers(-3, 4, len(s.words)) * (rng.random(len(s.words)) < 0.5)
        parts.append(replace(s, words=encode_offsets(offsets)) if s.kind == TRIMS else s)
    pieces = tuple(p for held in held_by(mapping) for p in held.pieces)
    return image.Image(mapping.chip.id, 0, tuple(parts)), mapping.chip, pieces


@pytest.mark.parametrize(
    "mapping",
    [
        place(net([30, 11, 7, 5], TINY, seed=3), TINY),
        place(small(), TINY),
        place(net([30, 40, 4], REFERENCE), REFERENCE),
    ],
    ids=["perceptron", "picture", "shared"],
)
def test_against_the_mapping(mapping: Mapping) -> None:
    """Names, multipliers and biases of every output; offsets of every column, and the outputs read there."""
    found = image.constants(*opened(mapping))
    for number, step in enumerate(mapping.steps):
        numbers = mapping.network.numbers_of(mapping.layers[number].name)
        mine = [c for c in found if c.step == number]
        assert [c.output for c in mine] == [f"{step.layer}[{n}]" for n in numbers]  # one term each
        assert [c.mult for c in mine] == step.multipliers(0).tolist() and [c.bias for c in mine] == step.bias.tolist()
    trims = image.offsets(*opened(mapping))
    parts = {s.index: s.words for s in opened(mapping)[0].sections if s.kind == TRIMS}
    assert [o.offset for o in trims] == [v - (v >> 15 << 16) for w in parts.values() for v in (w & 0xFFFF).tolist()]
    assert any(o.offset < 0 for o in trims) and len(trims) == len(parts) * mapping.chip.columns
    at = {(o.array, o.column): o.outputs for o in trims}
    for held in held_by(mapping):
        for p in held.pieces:
            for k, n in enumerate(p.named_outputs):
                assert f"{p.layer}[{n}]" in at[held.array, p.column + k]
    assert any(not names for names in at.values())


def test_slices_are_terms() -> None:
    mapping = place(sliced_net([12, 5, 4], (2, 3), TINY, seed=1), TINY)
    found = image.constants(*opened(mapping))
    for number, (step, slices) in enumerate(zip(mapping.steps, (2, 3), strict=True)):
        for term in range(slices):
            mine = [c for c in found if (c.step, c.term) == (number, term)]
            assert [c.mult for c in mine] == step.multipliers(term).tolist()
            assert [c.bias for c in mine] == (np.zeros_like(step.bias) if term else step.bias).tolist()


def test_units_that_were_removed() -> None:
    """Outputs have the user's numbers."""
    found = image.constants(*opened(numbered()))
    assert [c.output for c in found if c.step == 0] == [f"fc1[{n}]" for n in UNITS]
    assert "fc1[14]" in {name for o in image.offsets(*opened(numbered())) for name in o.outputs}


def test_long_lists_are_bounded(call: Call, tmp_path: Path) -> None:
    home = Program(place(net([30, 40, 4], REFERENCE), REFERENCE)).save(tmp_path / "p")
    status, out, err = call("image", "info", home, "--entries")
    assert (status, err) == (0, "")
    rows = [line for line in out.splitlines() if "fc1[" in line and "outputs" not in line]
    assert len(rows) == SHOWN and f"{40 - SHOWN} more constants; --json lists all" in out
    told = json.loads(call("image", "info", home, "--entries", "--json")[1])["entries"]["constants"]
    assert len(told) == 44 and told[39]["output"] == "fc1[39]"


def test_an_image_that_is_not_whole(call: Call, tmp_path: Path) -> None:
    """A delta image has no steps of its own to name outputs by."""
    for k in range(2):
        Program(place(net([12, 5, 4], TINY, seed=k), TINY)).save(tmp_path / f"p{k}")
    assert call("image", "delta", tmp_path / "p0", "--from", tmp_path / "p1", "--out", tmp_path / "d.bin")[0] == 0
    status, out, err = call("image", "info", tmp_path / "d.bin", "--chip", "tiny", "--entries")
    assert (status, err) == (0, "")
    assert out.endswith("constants and offsets: not told of an image that codesign image verify refuses\n")
