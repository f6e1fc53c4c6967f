"""Every rule about sizes, and what it says when it is broken."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import Trim
from codesign.ir import Network, verify
from codesign.ir.sizes import MAX_VALUES
from tests.ir.networks import conv, hidden, linear, raw, residual, toy

NODES = residual().nodes
CONV1, CONV2, ADD, POOL, CONV3, AVG, FC = NODES


def changed(name: str, **changes: Any) -> Network:
    """The residual network with one node's fields changed."""
    return residual(nodes=tuple(replace(n, **changes) if n.name == name else n for n in NODES))


def weight(*shape: int) -> np.ndarray:
    return np.ones(shape, np.int32)


def flat() -> Network:
    """A convolution behind a linear layer."""
    nodes = (linear("fc1", "input", 32, 8, hidden(8)), conv("c", "fc1", (1, 1, 1, 1), hidden(1)), FC)
    return residual(nodes=nodes)


def wide(outputs: int, side: int) -> Network:
    nodes = (conv("big", "input", (outputs, 1, 1, 1), hidden(outputs, shift=9)), FC)
    return Network("wide", side * side, toy().input, nodes, shape=(1, side, side))


RULES = [
    # convolutions
    (
        changed("conv1", weight=weight(4, 2, 3)),
        "layer conv1: weight must be (outputs, inputs // groups, kernel_h, kernel_w), got shape (4, 2, 3)",
    ),
    (
        changed("conv1", weight=weight(4, 2, 0, 3)),
        "layer conv1: weight must be (outputs, inputs // groups, kernel_h, kernel_w), got shape (4, 2, 0, 3)",
    ),
    (
        changed("conv1", weight=np.ones((4, 2, 3, 3))),
        "layer conv1: weights must be integers, got float64",
    ),
    (
        changed("conv1", weight=weight(4, 2, 3, 3) * -40000),
        "layer conv1: weights must be signed 16-bit integers, got -40000..-40000",
    ),
    (changed("conv1", stride=0), "layer conv1: stride must be an integer of at least 1, or a pair of them, got 0"),
    (changed("conv1", stride=1.5), "layer conv1: stride must be an integer of at least 1, or a pair of them, got 1.5"),
    (
        changed("conv1", stride=True),
        "layer conv1: stride must be an integer of at least 1, or a pair of them, got True",
    ),
    (changed("conv1", padding=-1), "layer conv1: padding must be an integer of at least 0, or a pair of them, got -1"),
    (changed("conv1", groups=0), "layer conv1: groups must be an integer of at least 1, got 0"),
    (changed("conv1", padding=3), "layer conv1: padding must be smaller than the 3x3 kernel, got 3; pad less"),
    (
        changed("conv1", weight=weight(4, 2, 5, 2), padding=2),
        "layer conv1: padding must be smaller than the 5x2 kernel, got 2; pad less",
    ),
    (
        changed("conv1", groups=3),
        "layer conv1: groups must divide its 2 input channels and its 4 outputs, got 3",
    ),
    (
        changed("conv1", groups=4),
        "layer conv1: groups must divide its 2 input channels and its 4 outputs, got 4",
    ),
    (
        changed("conv2", weight=weight(6, 1, 3, 3)),
        "layer conv2: groups must divide its 4 input channels and its 6 outputs, got 4",
    ),
    (
        changed("conv1", weight=weight(4, 3, 3, 3)),
        "layer conv1: reads 3 channels (groups 1, 3 in each) but input gives 2",
    ),
    (
        changed("conv2", weight=weight(4, 2, 3, 3)),
        "layer conv2: reads 8 channels (groups 4, 2 in each) but conv1 gives 4",
    ),
    (
        changed("conv1", weight=weight(4, 2, 7, 3), padding=1),
        "layer conv1: the 7x3 kernel is larger than its padded input, 6x6; use a smaller kernel or more padding",
    ),
    (
        changed("conv1", weight=weight(4, 2, 3, 7), padding=1),
        "layer conv1: the 3x7 kernel is larger than its padded input, 6x6; use a smaller kernel or more padding",
    ),
    (
        residual(shape=()),
        "layer conv1: conv reads images, but input gives 32 values without height and width; "
        "give the network a shape (channels, height, width)",
    ),
    (
        flat(),
        "layer c: conv reads images, but fc1 gives 8 values without height and width; read a layer that gives images",
    ),
    (
        changed("conv1", trim=(1, 2)),
        "layer conv1: trim must be a codesign.fixed.Trim or None, got (1, 2)",
    ),
    (
        changed("fc", trim="1>>2"),
        "layer fc: trim must be a codesign.fixed.Trim or None, got '1>>2'",
    ),
    (
        wide(17, 1000),
        f"layer big: gives 17x1000x1000 values per image, at most {MAX_VALUES} are allowed; "
        "use fewer outputs or a larger stride",
    ),
    # pools
    (changed("pool", size=0), "layer pool: size must be an integer of at least 1, or a pair of them, got 0"),
    (changed("pool", stride=-1), "layer pool: stride must be an integer of at least 1, or a pair of them, got -1"),
    (changed("avg", size=2.0), "layer avg: size must be an integer of at least 1, or a pair of them, got 2.0"),
    (
        changed("pool", size=5),
        "layer pool: its 5x5 window is larger than its input, 4x4; use a smaller window",
    ),
    (
        changed("avg", size=3),
        "layer avg: its 3x3 window is larger than its input, 2x2; use a smaller window",
    ),
    (
        residual(nodes=(replace(POOL, source="input"), FC), shape=()),
        "layer pool: maxpool reads images, but input gives 32 values without height and width; "
        "give the network a shape (channels, height, width)",
    ),
    (
        residual(nodes=(replace(AVG, source="input"), FC), shape=()),
        "layer avg: avgpool reads images, but input gives 32 values without height and width; "
        "give the network a shape (channels, height, width)",
    ),
    # sums
    (
        changed("add", other="input"),
        "layer add: adds conv1 of 4x4x4 and input of 2x4x4; both must have the same shape",
    ),
    (
        residual(nodes=(CONV1, linear("fc1", "conv1", 64, 64, hidden(64)), replace(ADD, other="fc1"), FC)),
        "layer add: adds conv1 of 4x4x4 and fc1 of 64; both must have the same shape",
    ),
    # linear layers
    (changed("fc", source="pool"), "layer fc: has 6 inputs but pool gives 16 (4x2x2)"),
    (
        toy(nodes=(replace(toy().nodes[0], weight=np.full((5, 4), 32768)), toy().nodes[1])),
        "layer fc1: weights must be signed 16-bit integers, got 32768..32768",
    ),
]


@pytest.mark.parametrize(("network", "expected"), RULES, ids=[m for _, m in RULES])
def test_broken_rule(network: Network, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        verify(network)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "network",
    [
        residual(),
        changed("conv1", trim=Trim(3, 2)),
        changed("fc", trim=Trim(1, 2)),
        changed("conv1", weight=weight(4, 1, 3, 3), groups=2),
        changed("pool", size=1, stride=3),
        changed("add", other="conv1"),
    ],
    ids=["residual", "trim", "last trim", "groups", "window of one", "an edge added to itself"],
)
def test_legal(network: Network) -> None:
    assert verify(network) is network


def test_the_largest_kernel_and_the_largest_edge() -> None:
    nodes = (conv("c", "input", (1, 2, 6, 6), hidden(1), padding=1), linear("fc", "c", 1, 3, raw(3)))
    assert verify(residual(nodes=nodes))
    big = wide(16, 1024)
    last = linear("fc", "input", 1024 * 1024, 1, raw(1))
    assert MAX_VALUES == 16 * 1024 * 1024 and verify(replace(big, nodes=(big.nodes[0], last)))
