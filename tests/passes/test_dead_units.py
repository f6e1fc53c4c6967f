"""Dead layers and units: printed before and after, and the same outputs for every input."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from codesign import ir
from codesign.fixed import IntType, Trim
from codesign.ir import Add, Linear, Network, verify
from codesign.passes import dead_units
from tests.passes.images import image_network
from tests.passes.sparse import I4, U4, frozen, inputs, layer, network, random_network


def all_inputs(net: Network) -> np.ndarray:
    return np.array(list(product(range(net.input.lo, net.input.hi + 1), repeat=net.features)))


def mixed() -> Network:
    """fc1: unit 0 lives, 1 is constantly (9 + 1) >> 1 = 5, 2 is never read, 3 is constantly 500 clamped to 15."""
    return network(
        layer("fc1", "input", [[1, 0, 3, 0], [2, 0, -1, 0]], [2, 3, 1, 1], [0, 9, 5, 1000], 1, U4),
        layer("fc2", "fc1", [[1, 2], [2, -1], [0, 0], [1, 1]], [3, 1], [10, 20], 3, U4),
        layer("fc3", "fc2", [[1], [-2]], bias=[7]),
    )


BEFORE = """\
network net: 2 x u4
  fc1 = linear(input) 2x4 weights -1..3 shift 1 -> u4 #6c32f38f
  fc2 = linear(fc1) 4x2 weights -1..2 shift 3 -> u4 #c2dc2caa
  fc3 = linear(fc2) 2x1 weights -2..1 shift 0 -> i32 #130468bb
"""
AFTER = """\
network net: 2 x u4
  fc1 = linear(input) 2x1 weights 1..2 shift 1 -> u4 #6f8afce8
  fc2 = linear(fc1) 1x2 weights 1..2 shift 3 -> u4 #24335b6e
  fc3 = linear(fc2) 2x1 weights -2..1 shift 0 -> i32 #130468bb
"""


def test_printed() -> None:
    assert ir.show(mixed()) == BEFORE
    assert ir.show(dead_units.apply(mixed())) == AFTER


def test_by_hand() -> None:
    """Reader biases grow by constant * weight * mult: 5*2*3 + 15*1*3 = 75 and 5*-1*1 + 15*1*1 = 10."""
    after = dead_units.apply(mixed())
    fc1, fc2, _ = after.nodes
    assert (fc1.weight.tolist(), fc1.requant.mult.tolist(), fc1.requant.bias.tolist()) == ([[1], [2]], [2], [0])
    assert (fc2.weight.tolist(), fc2.requant.mult.tolist(), fc2.requant.bias.tolist()) == ([[1, 2]], [3, 1], [85, 30])
    x = all_inputs(mixed())
    assert (ir.run(after, x) == ir.run(mixed(), x)).all()


@pytest.mark.parametrize(("bias", "constant"), [(-100, -8), (-6, -3), (-5, -2), (5, 3), (100, 7)])
def test_signed_constants(bias: int, constant: int) -> None:
    """(bias + 1) >> 1, clamped to -8..7."""
    before = network(
        layer("fc1", "input", [[1, 0], [-1, 0]], [1, 1], [0, bias], 1, I4),
        layer("fc2", "fc1", [[1], [3]], bias=[2]),
        input=I4,
    )
    after = dead_units.apply(before)
    assert [n.outputs for n in after.nodes] == [1, 1]
    assert after.nodes[1].requant.bias.tolist() == [2 + 3 * constant]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


@pytest.mark.parametrize(("bias", "constant"), [(-100, -5), (-6, -3), (5, 3), (100, 4)])
def test_constants_clamp_to_the_range(bias: int, constant: int) -> None:
    """(bias + 1) >> 1, clamped to -5..4 of -8..7."""
    before = network(
        layer("fc1", "input", [[1, 0], [-1, 0]], [1, 1], [0, bias], 1, IntType(4, True, (-5, 4))),
        layer("fc2", "fc1", [[1], [3]], bias=[2]),
        input=I4,
    )
    after = dead_units.apply(before)
    assert [(n.outputs, n.requant.bias.tolist()) for n in after.nodes] == [(1, [0]), (1, [2 + 3 * constant])]
    assert after.nodes[0].requant.out == before.nodes[0].requant.out
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


@pytest.mark.parametrize("value", [-3, 0, 5])
def test_a_range_of_one_value_is_constant(value: int) -> None:
    before = network(
        layer("fc1", "input", [[1, 2, 0], [-1, 1, 3]], bias=[0, 7, 9], out=IntType(4, True, (value, value))),
        layer("fc2", "fc1", [[1], [3], [-4]], bias=[2]),
        input=I4,
    )
    after = dead_units.apply(before)
    assert [(n.inputs, n.outputs) for n in after.nodes] == [(2, 1), (1, 1)], "a layer keeps one"
    assert after.nodes[1].requant.bias.tolist() == [2 + 3 * value - 4 * value]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_every_reader_gets_the_constant() -> None:
    before = network(
        layer("fc1", "input", [[1, 0]], [1, 1], [0, 4], 0, U4),
        layer("fc2", "fc1", [[1, 2], [3, 0]], [1, 5], [0, 0], 2, U4),
        layer("fc3", "fc1", [[1], [1]], [7], [0], 1, U4),  # not read: goes as a whole
        layer("fc4", "fc1", [[0], [-1]], [2], [1], 1, U4),  # all constant once fc1's is folded: keeps one
        layer("fc5", "fc2", [[1, 1], [1, -1]], [1, 1], [0, 0], 1, I4),
        layer("fc6", "fc4", [[2]]),
    )
    after = dead_units.apply(before)
    assert [n.name for n in after.nodes] == ["fc1", "fc4", "fc6"]
    assert after.nodes[1].requant.bias.tolist() == [1 - 4 * 2]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_neighbours_that_both_lose_units() -> None:
    before = network(
        layer("fc1", "input", [[1, 0, 2]], bias=[0, 3, 0], out=U4),
        layer("fc2", "fc1", [[1, 1], [2, 1], [0, 0]], bias=[4, 5], out=U4),
        layer("fc3", "fc2", [[1], [0]]),
    )
    after = dead_units.apply(before)
    assert [(n.weight.tolist(), n.requant.bias.tolist()) for n in after.nodes] == [
        ([[1]], [0]),
        ([[1]], [4 + 3 * 2]),
        ([[1]], [0]),
    ]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_what_only_dead_units_read_is_dead() -> None:
    """fc2's unit 1 is not read, so fc1's unit 1, which it alone reads, goes too."""
    before = network(
        layer("fc1", "input", [[1, 2]], out=U4),
        layer("fc2", "fc1", [[1, 0], [0, 1]], out=U4),
        layer("fc3", "fc2", [[1], [0]]),
    )
    after = dead_units.apply(before)
    assert [(n.inputs, n.outputs) for n in after.nodes] == [(1, 1), (1, 1), (1, 1)]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_what_reads_only_constants_is_constant() -> None:
    before = network(
        layer("fc1", "input", [[1, 0]], bias=[0, 3], out=U4),
        layer("fc2", "fc1", [[1, 0], [0, 2]], bias=[0, 1], out=U4),
        layer("fc3", "fc2", [[1], [1]]),
    )
    after = dead_units.apply(before)
    assert [(n.inputs, n.outputs) for n in after.nodes] == [(1, 1), (1, 1), (1, 1)]
    assert after.nodes[2].requant.bias.tolist() == [3 * 2 + 1]
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


@pytest.mark.parametrize(("room", "width"), [(15 * 2, 1), (15 * 2 - 1, 2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bias_that_would_overflow_keeps_the_unit(room: int, width: int, sign: int) -> None:
    """The constant 15 adds 15 * 2 to a bias that is `room` away from its last value."""
    last = IntType(32, signed=True).hi if sign > 0 else IntType(32, signed=True).lo
    before = network(
        layer("fc1", "input", [[1, 0]], bias=[0, 99], out=U4),
        layer("fc2", "fc1", [[1], [2 * sign]], bias=[last - sign * room]),
    )
    after = dead_units.apply(before)
    assert after.nodes[0].outputs == width
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


@pytest.mark.parametrize("weight", [[[0], [0]], [[1], [1]]], ids=["constant and not read", "constant and read"])
def test_a_layer_of_dead_units_keeps_one(weight: list[list[int]]) -> None:
    before = network(layer("fc1", "input", [[0, 0]], bias=[5, 9], out=U4), layer("fc2", "fc1", weight, bias=[1]))
    after = dead_units.apply(before)
    assert after.nodes[0].outputs == 1
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_living_networks_stay_as_they_are() -> None:
    before = network(layer("fc1", "input", [[1, 2]], out=U4), layer("fc2", "fc1", [[1, 0], [1, 1]]))
    assert dead_units.apply(before).nodes == before.nodes  # the very objects


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    before = frozen(random_network(seed))
    after = ir.verify(dead_units.apply(before))
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(dead_units.apply(after)) == ir.show(after)
    assert ir.show(before) == ir.show(random_network(seed))
    for node in after.nodes[:-1]:
        read = np.concatenate([n.weight for n in after.nodes if n.source == node.name], axis=1).any(axis=1)
        varies = node.requant.out.lo < node.requant.out.hi
        assert node.outputs == 1 or (read.all() and varies and node.weight.any(axis=0).all())


def test_random_networks_have_something_to_remove() -> None:
    pairs = [(random_network(s), dead_units.apply(random_network(s))) for s in range(60)]
    assert sum(len(a.nodes) > len(b.nodes) for a, b in pairs) > 10
    assert sum(sum(n.outputs for n in a.nodes) > sum(n.outputs for n in b.nodes) for a, b in pairs) > 40  # type: ignore[misc]


def summed() -> Network:
    """fc1 and fc2 have units nobody reads and constant ones, but a sum reads both; fc3 is read by nobody."""
    fc1 = layer("fc1", "input", [[1, 0], [2, 0]], [2, 3], [0, 9], 1, U4)
    fc2 = layer("fc2", "input", [[0, 1], [0, 1]], [1, 1], [3, 0], 0, U4)
    fc3 = layer("fc3", "fc2", [[1], [1]], [1], [0], 0, U4)
    add = Add("add", "fc1", "fc2", np.array([1, 2]), fc1.requant)
    return verify(Network("net", 2, U4, (fc1, fc2, fc3, add, layer("fc4", "add", [[1], [0]]))))


def test_what_a_sum_reads_stays() -> None:
    before = summed()
    after = dead_units.apply(before)
    assert [n.name for n in after.nodes] == ["fc1", "fc2", "add", "fc4"]
    assert after.nodes == tuple(n for n in before.nodes if n.name != "fc3")  # the very objects
    assert (ir.run(after, all_inputs(before)) == ir.run(before, all_inputs(before))).all()


def test_one_reader_of_another_kind_is_enough_to_stay() -> None:
    """fc2, which could do with fewer inputs, reads fc1, and so does a sum."""
    fc1 = layer("fc1", "input", [[1, 0], [2, 0]], [2, 3], [0, 9], 1, U4)
    fc2 = layer("fc2", "fc1", [[1, 0], [0, 0]], [1, 1], [0, 7], 0, U4)
    add = Add("add", "fc1", "fc2", np.array([1, 2]), fc1.requant)
    before = verify(Network("net", 2, U4, (fc1, fc2, add, layer("fc3", "add", [[1], [1]]))))
    assert dead_units.apply(before).nodes == before.nodes


def test_a_reader_with_a_trim_keeps_its_inputs() -> None:
    """Its own columns may go, and so may the inputs of the layer behind it."""
    before = mixed()
    fc1, fc2, fc3 = before.nodes
    trimmed = replace(before, nodes=(fc1, replace(fc2, trim=Trim(1, 1)), fc3))
    assert dead_units.apply(trimmed).nodes == trimmed.nodes
    trimmed = replace(before, nodes=(replace(fc1, trim=Trim(1, 1)), fc2, fc3))
    after = dead_units.apply(trimmed)
    assert (after.nodes[0].outputs, after.nodes[0].trim) == (1, Trim(1, 1))


@pytest.mark.parametrize("trims", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_random_networks_of_images(seed: int, trims: bool) -> None:
    before = image_network(seed, trims)
    after = ir.verify(dead_units.apply(before))
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(dead_units.apply(after)) == ir.show(after)
    assert ir.show(before) == ir.show(image_network(seed, trims))
    kept = {n.name: n for n in before.nodes}
    assert all(n is kept[n.name] for n in after.nodes if not isinstance(n, Linear))
    read = {s for n in after.nodes for s in n.sources}
    assert all(n.name in read for n in after.nodes[:-1])


def test_random_networks_of_images_have_something_to_remove() -> None:
    pairs = [(image_network(s), dead_units.apply(image_network(s))) for s in range(40)]
    assert sum(len(a.nodes) > len(b.nodes) for a, b in pairs) > 10
    smaller = [sum(n.weight.size for n in net.nodes if isinstance(n, Linear)) for pair in pairs for net in pair]
    assert sum(a > b for a, b in zip(smaller[::2], smaller[1::2], strict=True)) > 20
    assert sum(len(np.unique(ir.run(b, inputs(a)))) > 2 for a, b in pairs) > 20  # most outputs depend on the input
