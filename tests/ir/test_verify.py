"""Every rule of a legal network, and what it says when it is broken."""

from dataclasses import replace

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import IntType, Trim
from codesign.ir import Network, Node, verify
from tests.ir.networks import conv, hidden, linear, raw, residual, toy

FC1, FC2 = toy().nodes


def with_first(**changes: object) -> Network:
    return toy(nodes=(replace(FC1, **changes), FC2))  # type: ignore[arg-type]


def with_requant(**changes: object) -> Network:
    return with_first(requant=replace(FC1.requant, **changes))  # type: ignore[arg-type]


def with_last(**changes: object) -> Network:
    return toy(nodes=(FC1, replace(FC2, requant=replace(FC2.requant, **changes))))  # type: ignore[arg-type]


def with_node(at: int, **changes: object) -> Network:
    nodes = list(residual().nodes)
    nodes[at] = replace(nodes[at], **changes)  # type: ignore[arg-type]
    return residual(nodes=tuple(nodes))


CONV1, CONV2, ADD, POOL, *REST = residual().nodes
POOLED = replace(POOL, source="conv1")
LATER = POOL, *REST
RAW_CONV2 = replace(CONV2, requant=raw(4))


def with_extra(node: Node) -> Network:
    """A layer more, which nobody reads."""
    return residual(nodes=(CONV1, node, *residual().nodes[1:]))


def two_raw_edges() -> Network:
    """Both convolutions read the input, and nothing but the sum reads them."""
    second = replace(CONV1, name="conv2", requant=raw(4))
    return residual(nodes=(replace(CONV1, requant=raw(4)), second, ADD, *LATER))


def behind_another_pool(kind: IntType) -> Network:
    """A padded pool whose input keeps the type of the network's."""
    pools = (replace(POOL, name="first", source="input"), replace(POOL, source="first", padding=1))
    return residual(input=kind, nodes=(*pools, linear("fc", "pool", 8, 3, raw(3))))


ONLY = "only the last layer may leave raw accumulators, or one that a residual sum alone reads"
INT5 = IntType(32, True, (-5, 5))  # not raw: it clamps

RULES = [
    (toy(name=5), "network: name must be text, got 5"),
    (toy(name=""), "network: name must be text, got ''"),
    (with_first(name=None), "network toy: a layer's name must be text, got None"),
    (toy(step=0), "network toy: step must be a finite number above 0, got 0"),
    (toy(step=-1.0), "network toy: step must be a finite number above 0, got -1.0"),
    (toy(step=float("inf")), "network toy: step must be a finite number above 0, got inf"),
    (toy(step=float("nan")), "network toy: step must be a finite number above 0, got nan"),
    (toy(step="1"), "network toy: step must be a finite number above 0, got '1'"),
    (toy(name="a\x1b[31m"), "network 'a\\x1b[31m': the name holds control characters; choose another"),
    (with_first(name="a\nb"), "layer 'a\\nb': the name holds control characters; choose another"),
    (toy(nodes=()), "network toy: has no layers; add at least one linear layer"),
    (toy(input=IntType(9)), "network toy: input type must have 1..8 bits, got u9"),
    (with_first(name="fc2"), "layer fc2: the name is used twice; give every layer its own"),
    (with_first(name="input"), "layer input: the name is used twice; give every layer its own"),
    (with_first(source="fc2"), "layer fc1: reads 'fc2', which is not computed before it"),
    (toy(nodes=(FC1,)), "layer fc1: the last layer must leave raw accumulators"),
    (toy(nodes=(linear("fc1", "input", 5, 4, raw(4)), FC2)), f"layer fc1: {ONLY}"),
    (with_first(weight=np.ones(4, np.int32)), "layer fc1: weight must be (inputs, outputs), got shape (4,)"),
    (
        with_first(weight=np.ones((5, 0), np.int32), requant=hidden(0)),
        "layer fc1: weight must be (inputs, outputs), got shape (5, 0)",
    ),
    (toy(features=6), "layer fc1: has 5 inputs but input gives 6"),
    (with_first(weight=np.ones((5, 4))), "layer fc1: weights must be integers, got float64"),
    (
        with_requant(mult=np.array([1, 2, 3, 32768])),
        "layer fc1: mult must be 4 signed 16-bit integers, got shape (4,), 1..32768",
    ),
    (with_requant(mult=np.array([1, 2])), "layer fc1: mult must be 4 signed 16-bit integers, got shape (2,), 1..2"),
    (
        with_requant(bias=np.array([0, 0, 0, -(2**31) - 1])),
        "layer fc1: bias must be 4 signed 32-bit integers, got shape (4,), -2147483649..0",
    ),
    (with_requant(shift=32), "layer fc1: shift must be 0..31, got 32"),
    (with_requant(shift=-1), "layer fc1: shift must be 0..31, got -1"),
    (with_requant(out=IntType(9)), "layer fc1: activations must have 1..8 bits, got u9"),
    (with_requant(out=INT5), "layer fc1: activations must have 1..8 bits, got i32[-5..5]"),
    (with_last(out=INT5), "layer fc2: activations must have 1..8 bits, got i32[-5..5]"),
    (with_last(shift=1), "layer fc2: a raw output must have mult 1 and shift 0"),
    (with_last(mult=np.array([1, 1, 2])), "layer fc2: a raw output must have mult 1 and shift 0"),
    (toy(features=0), "network toy: features must be 1..16777216, got 0"),
    (toy(features=(1 << 24) + 1), "network toy: features must be 1..16777216, got 16777217"),
    (toy(features=5.0), "network toy: features must be 1..16777216, got 5.0"),
    (toy(shape=(1, 5)), "network toy: shape must be (channels, height, width), each at least 1, got (1, 5)"),
    (toy(shape=(-1, -5, 1)), "network toy: shape must be (channels, height, width), each at least 1, got (-1, -5, 1)"),
    (toy(shape=(1, 5, 1.0)), "network toy: shape must be (channels, height, width), each at least 1, got (1, 5, 1.0)"),
    (toy(shape=(1, 2, 3)), "network toy: shape 1x2x3 has 6 values, features is 5; make them equal"),
    (with_node(2, source="conv9"), "layer add: reads 'conv9', which is not computed before it"),
    (with_node(2, other="pool"), "layer add: reads 'pool', which is not computed before it"),
    (with_node(3, name="add"), "layer add: the name is used twice; give every layer its own"),
    (residual(nodes=(CONV1,)), "layer conv1: the last layer must leave raw accumulators"),
    (
        residual(nodes=(CONV1, POOLED)),
        "layer pool: the last layer must be linear or a convolution, got maxpool; add a linear layer",
    ),
    (
        residual(nodes=(CONV1, CONV2, ADD)),
        "layer add: the last layer must be linear or a convolution, got add; add a linear layer",
    ),
    (with_node(0, requant=raw(4)), f"layer conv1: {ONLY}"),
    (with_node(4, requant=raw(6)), f"layer conv3: {ONLY}"),
    (with_node(2, requant=raw(4)), f"layer add: {ONLY}"),
    (with_node(5, requant=raw(6)), f"layer avg: {ONLY}"),
    (with_extra(conv("other", "conv1", (3, 4, 1, 1), raw(3))), f"layer other: {ONLY}"),
    (
        residual(nodes=(CONV1, RAW_CONV2, ADD, conv("other", "conv2", (3, 4, 1, 1), hidden(3)), *LATER)),
        f"layer conv2: {ONLY}",
    ),
    (
        residual(nodes=(CONV1, CONV2, replace(ADD, name="first", requant=raw(4)), replace(ADD, other="first"), *LATER)),
        f"layer first: {ONLY}",
    ),
    (
        with_node(1, requant=raw(4, [0, 0, 7, 0])),
        "layer conv2: raw accumulators that add reads must have no bias; add it to that of add",
    ),
    (two_raw_edges(), "layer add: adds conv1 and conv2; at most one of them may be raw"),
    (
        residual(nodes=(CONV1, RAW_CONV2, replace(ADD, source="conv2"), *LATER)),
        "layer add: adds conv2 and conv2; at most one of them may be raw",
    ),
    (
        with_node(2, requant=replace(raw(4), mult=np.array([1, 1, 1, 2]))),
        "layer add: a raw output must have mult 1 and shift 0",
    ),
    (with_node(0, requant=hidden(4, IntType(9))), "layer conv1: activations must have 1..8 bits, got u9"),
    (with_node(2, requant=hidden(4, IntType(12, True))), "layer add: activations must have 1..8 bits, got i12"),
    (with_node(5, requant=hidden(6, IntType(16))), "layer avg: activations must have 1..8 bits, got u16"),
    (with_node(0, requant=hidden(5)), "layer conv1: mult must be 4 signed 16-bit integers, got shape (5,), 1..5"),
    (with_node(5, requant=hidden(4)), "layer avg: mult must be 6 signed 16-bit integers, got shape (4,), 1..4"),
    (
        with_node(2, requant=replace(ADD.requant, bias=np.full(4, 1 << 31))),
        "layer add: bias must be 4 signed 32-bit integers, got shape (4,), 2147483648..2147483648",
    ),
    (
        with_node(2, other_mult=np.array([1, 2, 3, 40000])),
        "layer add: other_mult must be 4 signed 16-bit integers, got shape (4,), 1..40000",
    ),
    (with_node(2, other_mult=3), "layer add: other_mult must be 4 signed 16-bit integers, got int"),
    (
        with_node(2, other_mult=np.ones(4)),
        "layer add: other_mult must be 4 signed 16-bit integers, got shape (4,) of float64",
    ),
    (with_node(4, requant=hidden(6, shift=32)), "layer conv3: shift must be 0..31, got 32"),
    (
        with_node(6, trim=Trim(3, 2)),
        "layer fc: the last layer's trim must have gain 1, got 3; raw outputs are scaled by whole numbers only",
    ),
    (with_first(slices=0), "layer fc1: slices must be an integer 1..8, got 0"),
    (with_first(slices=9), "layer fc1: slices must be an integer 1..8, got 9"),
    (with_node(0, slices=2.0), "layer conv1: slices must be an integer 1..8, got 2.0"),
    (
        with_first(cut=1024, trim=Trim()),
        "layer fc1: cut must be the wordline of its first row, an integer 0..1023, got 1024",
    ),
    (with_node(1, cut=-1), "layer conv2: cut must be the wordline of its first row, an integer 0..1023, got -1"),
    (
        with_first(cut=3),
        "layer fc1: cut 3 needs a trim, because only converters see where rows are cut; give it the trim of its "
        "training, or cut 0",
    ),
    (with_node(3, padding=(1, 2)), "layer pool: padding must be smaller than the 2x2 window, got 1x2; pad less"),
    (
        with_node(3, padding=-1),
        "layer pool: padding must be an integer of at least 0, or a pair of them, got -1",
    ),
    (
        with_node(3, size=9, padding=1),
        "layer pool: its 9x9 window is larger than its padded input, 6x6; use a smaller window",
    ),
    (
        with_node(3, source="conv2", padding=1),
        "layer pool: pads conv2 of i5 with zeros, which would be larger than its values below 0; read a layer whose "
        "values start at 0, or pool without padding",
    ),
    (
        behind_another_pool(IntType(4, True)),
        "layer pool: pads first of i4 with zeros, which would be larger than its values below 0; read a layer whose "
        "values start at 0, or pool without padding",
    ),
]


@pytest.mark.parametrize(("network", "expected"), RULES, ids=[m for _, m in RULES])
def test_broken_rule(network: Network, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        verify(network)
    assert str(caught.value) == expected


LEGAL = {
    "toy": toy(),
    "image": toy(shape=(1, 5, 1)),
    "residual": residual(),
    "accumulators that enter a sum": with_node(1, requant=raw(4)),
    "in either place": residual(nodes=(CONV1, RAW_CONV2, replace(ADD, source="conv2", other="conv1"), *LATER)),
    "slices": with_first(slices=8, cut=1023, trim=Trim(2, 1)),
    "ends with a convolution": residual(nodes=(conv("c", "input", (4, 2, 3, 3), raw(4)),)),
    "padded pool": with_node(3, padding=1, stride=3),
    "padded pools": behind_another_pool(IntType(4)),
    "values above 0": behind_another_pool(IntType(4, True, (1, 5))),
}


@pytest.mark.parametrize("network", LEGAL.values(), ids=LEGAL)
def test_a_legal_network_comes_back(network: Network) -> None:
    assert verify(network) is network
