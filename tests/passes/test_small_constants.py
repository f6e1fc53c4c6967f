"""Smaller requantizer constants: printed before and after, and the same outputs for every input."""

import numpy as np
import pytest

from codesign import ir
from codesign.fixed import IntType
from codesign.ir import Network
from codesign.passes import small_constants
from passes.sparse import U4, frozen, inputs, layer, network, random_network

I8 = IntType(8, signed=True)


def even() -> Network:
    return network(
        layer("fc1", "input", [[1, -1]], [12, -8], [4, 20], 5, U4),
        layer("fc2", "fc1", [[1], [2]], bias=[8]),
    )


BEFORE = """\
network net: 1 x u4
  fc1 = linear(input) 1x2 weights -1..1 shift 5 -> u4 #f0b3d92e
  fc2 = linear(fc1) 2x1 weights 1..2 shift 0 -> i32 #95a753af
"""
AFTER = """\
network net: 1 x u4
  fc1 = linear(input) 1x2 weights -1..1 shift 3 -> u4 #d147411c
  fc2 = linear(fc1) 2x1 weights 1..2 shift 0 -> i32 #95a753af
"""


def test_printed() -> None:
    assert ir.show(even()) == BEFORE
    assert ir.show(small_constants.run(even())) == AFTER


def test_by_hand() -> None:
    q = small_constants.run(even()).nodes[0].requant
    assert (q.mult.tolist(), q.bias.tolist(), q.shift) == ([3, -2], [1, 5], 3)


@pytest.mark.parametrize(
    ("mult", "bias", "shift", "after"),
    [
        ([4], [6], 1, ([2], [3], 0)),  # the odd rounding term goes with the last bit
        ([4], [8], 0, ([4], [8], 0)),  # no shift to give
        ([4], [8], 2, ([1], [2], 0)),
        ([3], [8], 4, ([3], [8], 4)),  # one odd constant stops it
        ([4], [7], 4, ([4], [7], 4)),
        ([-4], [-6], 1, ([-2], [-3], 0)),
        ([-32768], [-(1 << 31)], 31, ([-1], [-65536], 16)),
        ([0], [0], 31, ([0], [0], 0)),
    ],
)
def test_constants(mult: list[int], bias: list[int], shift: int, after: tuple[list[int], list[int], int]) -> None:
    """Every accumulator from -128 to 127, its output not clamped to fewer bits than it can tell apart."""
    before = network(layer("fc1", "input", [[1]], mult, bias, shift, I8), layer("fc2", "fc1", [[1]]), input=I8)
    result = small_constants.run(before)
    q = result.nodes[0].requant
    assert (q.mult.tolist(), q.bias.tolist(), q.shift) == after
    x = np.arange(-128, 128)[:, None]
    assert (ir.run(result, x) == ir.run(before, x)).all()


def test_one_odd_column_keeps_all() -> None:
    before = network(layer("fc1", "input", [[1, 1]], [4, 5], [0, 0], 2, U4), layer("fc2", "fc1", [[1], [1]]))
    assert ir.show(small_constants.run(before)) == ir.show(before)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int) -> None:
    before = frozen(random_network(seed))
    after = ir.verify(small_constants.run(before))
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(small_constants.run(after)) == ir.show(after)
    assert ir.show(before) == ir.show(random_network(seed))
    assert all(n.requant.shift == 0 or ((n.requant.mult | n.requant.bias) & 1).any() for n in after.nodes)
