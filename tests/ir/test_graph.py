"""Nodes and their edges: sources, shapes, types."""

import numpy as np
import pytest

from codesign.fixed import INT32
from codesign.ir import Add, Conv, Linear, MaxPool, Network
from tests.ir.networks import I5, U4, conv, hidden, linear, raw, residual, toy


def test_sources() -> None:
    assert [n.sources for n in residual().nodes] == [
        ("input",),
        ("conv1",),
        ("conv1", "conv2"),
        ("add",),
        ("pool",),
        ("conv3",),
        ("avg",),
    ]


def test_edges_of_a_residual_network() -> None:
    network = residual()
    assert {n: (network.shape_of(n), network.type_of(n)) for n in ("input", *(n.name for n in network.nodes))} == {
        "input": ((2, 4, 4), U4),
        "conv1": ((4, 4, 4), U4),
        "conv2": ((4, 4, 4), I5),
        "add": ((4, 4, 4), U4),
        "pool": ((4, 2, 2), U4),
        "conv3": ((6, 2, 2), U4),
        "avg": ((6, 1, 1), U4),
        "fc": ((3,), INT32),
    }
    assert network.outputs == 3


def test_edges_without_an_image_form() -> None:
    assert [toy().shape_of(n) for n in ("input", "fc1", "fc2")] == [(5,), (4,), (3,)]
    assert toy().outputs == 3


def test_pools_pass_on_the_type_of_what_they_read() -> None:
    nodes = (MaxPool("a", "input", 2, 1), MaxPool("b", "a", 2, 1), linear("fc", "b", 8, 1, raw(1)))
    network = Network("n", 32, I5, nodes, shape=(2, 4, 4))
    assert (network.type_of("a"), network.type_of("b"), network.shape_of("b")) == (I5, I5, (2, 2, 2))
    behind = residual(nodes=(*residual().nodes[:2], MaxPool("b", "conv2", 2, 1), MaxPool("c", "b", 2, 1)))
    assert (behind.type_of("b"), behind.type_of("c"), behind.input) == (I5, I5, U4)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (4, 5, 4)),
        ({"padding": 1}, (4, 7, 6)),
        ({"stride": 2}, (4, 3, 2)),
        ({"stride": 2, "padding": 2}, (4, 5, 4)),
        ({"stride": 9}, (4, 1, 1)),
    ],
    ids=str,
)
def test_a_convolution_of_7x6_by_3x3(options: dict[str, int], shape: tuple[int, ...]) -> None:
    assert conv("c", "input", (4, 2, 3, 3), hidden(4), **options).shape((2, 7, 6)) == shape


def test_channels_of_groups() -> None:
    node = conv("c", "input", (6, 2, 3, 5), hidden(6), groups=3)
    assert (node.inputs, node.outputs, node.kernel) == (6, 6, (3, 5))


def test_what_a_field_left_out_means() -> None:
    weight, q = np.ones((1, 1, 1, 1), np.int32), hidden(1)
    node = Conv("c", "input", weight, q)
    assert (node.stride, node.padding, node.groups, node.trim) == ((1, 1), (0, 0), 1, None)
    assert Linear("l", "input", weight[0, 0], q).trim is None
    assert Network("n", 1, U4, ()).shape == ()
    assert Add("a", "x", "y", q.mult, q).sources == ("x", "y")
