"""The share of conversions that clip, counted one by one in Python's integers."""

from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.fixed import IntType, Trim
from codesign.ir import Linear
from codesign.mapping import Mapping, layers, place
from codesign.mapping.clipping import clipped
from tests.hdl.programs import images, net

TINY = Chip.load("tiny")


def counted(mapping: Mapping, x: np.ndarray[Any, Any]) -> dict[str, float]:
    """Every converter, every bit plane, every image."""
    edges = {"input": x, **layers(mapping, x)}
    low, high = -(1 << mapping.chip.adc.bits - 1), (1 << mapping.chip.adc.bits - 1) - 1
    shares = {}
    for step, node in zip(mapping.steps, mapping.network.nodes, strict=True):
        assert isinstance(node, Linear)
        beyond = total = 0
        for use in (u for u in mapping.arrays if u.layer == step.layer):
            for row in edges[node.source]:
                for bit in range(step.input.bits):
                    for column in range(use.columns):
                        current = sum(
                            int(node.weight[use.row + r, use.column + column])
                            for r in range(use.rows)
                            if int(row[use.row + r]) >> bit & 1
                        )
                        read = current * use.trim.gain
                        if use.trim.shift:
                            read = (read + (1 << use.trim.shift - 1)) >> use.trim.shift
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


def test_what_cannot_clip() -> None:
    mapping = place(net([10, 4], TINY), TINY, {"fc1": Trim(1, 3)})
    assert clipped(mapping, images(3, mapping.network))[0] == {"fc1": 0.0}
