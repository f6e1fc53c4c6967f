"""Smaller requantizer constants: printed before and after, and the same outputs for every input."""

from dataclasses import replace

import numpy as np
import pytest

from codesign import ir
from codesign.fixed import INT32, IntType, Trim
from codesign.ir import Add, AvgPool, Conv, MaxPool, Network, Requant, verify
from codesign.passes import small_constants
from tests.passes.images import image_network
from tests.passes.sparse import U4, frozen, inputs, layer, network, random_network

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
    assert ir.show(small_constants.apply(even())) == AFTER


def test_by_hand() -> None:
    q = small_constants.apply(even()).nodes[0].requant
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
    result = small_constants.apply(before)
    q = result.nodes[0].requant
    assert (q.mult.tolist(), q.bias.tolist(), q.shift) == after
    x = np.arange(-128, 128)[:, None]
    assert (ir.run(result, x) == ir.run(before, x)).all()


def test_one_odd_column_keeps_all() -> None:
    before = network(layer("fc1", "input", [[1, 1]], [4, 5], [0, 0], 2, U4), layer("fc2", "fc1", [[1], [1]]))
    assert ir.show(small_constants.apply(before)) == ir.show(before)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int) -> None:
    before = frozen(random_network(seed))
    after = ir.verify(small_constants.apply(before))
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(small_constants.apply(after)) == ir.show(after)
    assert ir.show(before) == ir.show(random_network(seed))
    assert all(n.requant.shift == 0 or ((n.requant.mult | n.requant.bias) & 1).any() for n in after.nodes)


def scale(mult: int, bias: int, shift: int) -> Requant:
    return Requant(np.array([mult]), np.array([bias]), shift, I8)


@pytest.mark.parametrize(
    ("mult", "other", "bias", "after"),
    [
        (4, 8, 12, (1, 2, 3, 3)),
        (4, 6, 8, (2, 3, 4, 4)),
        (4, 3, 8, (4, 3, 8, 5)),  # the second multiplier alone stops it
        (0, -64, 0, (0, -2, 0, 0)),
    ],
)
def test_sums(mult: int, other: int, bias: int, after: tuple[int, int, int, int]) -> None:
    """All three constants halve together, or none."""
    fc1 = layer("fc1", "input", [[1]], [3], [1], 1, I8)
    nodes = (fc1, Add("add", "input", "fc1", np.array([other]), scale(mult, bias, 5)), layer("fc2", "add", [[1]]))
    before = verify(Network("net", 1, I8, nodes))
    result = small_constants.apply(before)
    add = result.nodes[1]
    assert isinstance(add, Add)
    q = add.requant
    assert (q.mult.tolist(), add.other_mult.tolist(), q.bias.tolist(), q.shift) == (*([v] for v in after[:3]), after[3])
    x = np.arange(-128, 128)[:, None]
    assert (ir.run(result, x) == ir.run(before, x)).all()


def test_every_kind_with_a_requantizer() -> None:
    nodes = (
        Conv("conv", "input", np.ones((1, 1, 1, 1), np.int32), scale(12, 8, 5)),
        MaxPool("max", "conv", 1, 1),
        AvgPool("avg", "max", 1, 1, scale(8, 0, 3)),
        layer("fc", "avg", [[1]]),
    )
    before = verify(Network("net", 1, I8, nodes, shape=(1, 1, 1)))
    result = small_constants.apply(before)
    conv, largest, avg, _ = result.nodes
    assert isinstance(conv, Conv) and isinstance(avg, AvgPool) and largest is nodes[1]
    assert [(q.mult.tolist(), q.bias.tolist(), q.shift) for q in (conv.requant, avg.requant)] == [
        ([3], [2], 3),
        ([1], [0], 0),
    ]
    x = np.arange(-128, 128)[:, None]
    assert (ir.run(result, x) == ir.run(before, x)).all()


def test_a_layer_with_a_trim_keeps_its_constants() -> None:
    """A gain of 3 makes 27 of a multiplier of 20, but 7 of 5, which is not a quarter of 27."""
    net = even()
    trimmed = replace(net, nodes=(replace(net.nodes[0], trim=Trim(3, 2)), net.nodes[1]))
    assert small_constants.apply(trimmed).nodes[0] is trimmed.nodes[0]
    conv = Conv("conv", "input", np.ones((1, 1, 1, 1), np.int32), scale(12, 8, 5), trim=Trim())
    images = verify(Network("net", 1, I8, (conv, layer("fc", "conv", [[1]])), shape=(1, 1, 1)))
    assert small_constants.apply(images).nodes[0] is conv


@pytest.mark.parametrize("trim", [None, Trim(3, 2)])
def test_a_sum_of_accumulators_keeps_the_constants_that_undo_a_trim(trim: Trim | None) -> None:
    """One whose raw edge has none, or whose edge with one is an activation, does not."""
    ones = np.ones((1, 1, 1, 1), np.int32)
    nodes = (
        Conv("first", "input", ones, scale(1, 0, 2), trim=Trim(3, 2)),
        Conv("raw", "first", ones, Requant(np.array([1]), np.array([0]), 0, INT32), trim=trim),
        Add("add", "first", "raw", np.array([20]), scale(8, 4, 6)),
        layer("fc", "add", [[1]]),
    )
    before = verify(Network("net", 1, I8, nodes, shape=(1, 1, 1)))
    add = small_constants.apply(before).nodes[2]
    assert isinstance(add, Add)
    assert add.requant.shift == (6 if trim else 4) and (add is before.nodes[2]) == bool(trim)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks_of_images(seed: int) -> None:
    before = image_network(seed)
    after = ir.verify(small_constants.apply(before))
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    for n in after.nodes:
        if not isinstance(n, MaxPool):
            odd = n.requant.mult | n.requant.bias | (n.other_mult if isinstance(n, Add) else 0)
            assert n.requant.shift == 0 or (odd & 1).any()
