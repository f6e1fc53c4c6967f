"""The share of conversions that clip, counted one by one in Python's integers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.fixed import IntType, Trim
from codesign.ir import Linear
from codesign.mapping import Mapping, layers, place
from codesign.mapping.cells import to_slices
from codesign.mapping.clipping import clipped
from tests.hdl.programs import images, net
from tests.image.folders import SPOTS
from tests.mapping.sliced import sliced_net

TINY = Chip.load("tiny")


def counted(mapping: Mapping, x: np.ndarray[Any, Any]) -> dict[str, float]:
    """Every converter, every bit plane, every image."""
    edges = {"input": x, **layers(mapping, x)}
    low, high = -(1 << mapping.chip.adc.bits - 1), (1 << mapping.chip.adc.bits - 1) - 1
    shares = {}
    for step, node in zip(mapping.steps, mapping.network.nodes, strict=True):
        assert isinstance(node, Linear)
        slices = to_slices(node.weight, mapping.chip.device, step.slices, node.name)
        beyond = total = 0
        for use, p in ((u, p) for u in mapping.arrays for p in u.pieces if p.layer == step.layer):
            for row in edges[node.source]:
                for bit in range(step.input.bits):
                    for column in range(p.columns):
                        current = sum(
                            int(slices[p.slice][p.row + r, p.column + column])
                            for r in range(p.rows)
                            if int(row[p.row + r]) >> bit & 1
                        )
                        read = current * step.trim.gain + int(use.offset[p.at + column])
                        if step.trim.shift:
                            read = (read + (1 << step.trim.shift - 1)) >> step.trim.shift
                        total += 1
                        beyond += not low <= read <= high
        shares[step.layer] = beyond / total
    return shares


@pytest.mark.parametrize(
    ("kind", "trim"), [(IntType(3), Trim()), (IntType(3), Trim(7, 0)), (IntType(3, True), Trim(3, 1))]
)
def test_every_conversion_is_counted(kind: IntType, trim: Trim) -> None:
    chip = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 5})})
    network = net([20, 11, 4], chip, kind)
    mapping = place(network, chip, {"fc1": trim})
    x = images(5, network, seed=1, zeros=0.0)
    shares, outputs = clipped(mapping, x)
    assert shares == counted(mapping, x)
    assert 0.01 < shares["fc1"] < 0.9, "some clip, most do not"
    assert (outputs == layers(mapping, x)["fc2"]).all()


def test_of_layers_that_share_arrays() -> None:
    """Conversions of the columns beside a layer's own, whatever their offsets, are not its own."""
    chip = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 3})})
    network = sliced_net([20, 4, 9, 3], (2, 1, 1), chip, kind=IntType(3))
    mapping = place(network, chip, spots=SPOTS)
    offset = np.array([0, 9, 9, 1, 0, -1, 1, 9])  # column 0 of array 0 is fc2's; 1 to 3, none's on its wordlines
    mapping = replace(mapping, arrays=tuple(replace(use, offset=offset) for use in mapping.arrays))
    x = images(5, network, seed=1, zeros=0.0)
    shares, _ = clipped(mapping, x)
    assert shares == counted(mapping, x)
    assert all(0 < share < 1 for share in shares.values())


def test_what_cannot_clip() -> None:
    mapping = place(net([10, 4], TINY), TINY, {"fc1": Trim(1, 3)})
    assert clipped(mapping, images(3, mapping.network))[0] == {"fc1": 0.0}
