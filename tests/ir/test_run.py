"""The integer reference against plain Python integers, and the inputs it refuses."""

import importlib
import tracemalloc
from typing import Any

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import INT32, IntType, Trim
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Requant, edges, run, verify
from tests.ir.networks import I5, linear, raw, residual, toy
from tests.ir.plain import plain

WHOLE = "quantize real numbers first: network.quantize(x), program.quantize(x), or --real on the command line"

I8 = IntType(8, signed=True)


@pytest.mark.parametrize(("network", "count"), [(toy(), 200), (residual(), 20)], ids=["toy", "residual"])
def test_equals_plain_integers(network: Network, count: int) -> None:
    kind = network.input
    x = np.random.default_rng(3).integers(kind.lo, kind.hi + 1, (count, network.features))
    y = run(network, x)
    assert y.tolist() == [plain(network, row) for row in x.tolist()]
    assert len(np.unique(y)) > 10  # or it would not show much


def test_by_hand() -> None:
    network = Network("n", 2, IntType(8), (linear("fc", "input", 2, 1, raw(1, [7])),))
    network.nodes[0].weight[:] = [[2], [-3]]
    assert run(network, np.array([[10, 1], [0, 255]])).tolist() == [[24], [-758]]


def test_two_layers_may_read_the_input() -> None:
    a, b = linear("a", "input", 5, 2, toy().nodes[0].requant), linear("b", "input", 5, 3, raw(3), seed=4)
    a = type(a)("a", "input", a.weight, type(a.requant)(np.ones(2, int), np.zeros(2, int), 0, IntType(4)))
    network = toy(nodes=(a, b))
    x = np.random.default_rng(5).integers(-8, 8, (20, 5))
    assert (run(network, x) == x @ b.weight).all()


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(5, int), "shape must be (images, 5), got (5,); flatten each image to one row"),
        (np.zeros((2, 4), int), "shape must be (images, 5), got (2, 4); flatten each image to one row"),
        (np.zeros((2, 5)), f"dtype must be an integer, got float64; {WHOLE}"),
        (
            np.zeros((2, 5), bool),
            f"dtype must be an integer, got bool; {WHOLE}",
        ),
        (np.full((1, 5), 8), "values must lie in -8..7 (i4), got 8..8; clip or rescale them"),
        (np.full((1, 5), -9), "values must lie in -8..7 (i4), got -9..-9; clip or rescale them"),
    ],
)
def test_unfit_inputs(x: np.ndarray, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        run(toy(), x)
    assert str(caught.value) == f"inputs of network toy: {expected}"


def test_no_images_give_no_outputs() -> None:
    assert run(toy(), np.zeros((0, 5), int)).shape == (0, 3)


def behind(*nodes: Any, shape: tuple[int, int, int], width: int = 1) -> Network:
    """`nodes` and a last layer that reads the first value of what they give."""
    weight = np.zeros((width, 1), np.int32)
    weight[0] = 1
    last = Linear("last", nodes[-1].name, weight, Requant(np.ones(1, int), np.zeros(1, int), 0, INT32))
    return verify(Network("net", int(np.prod(shape)), I5, (*nodes, last), shape=shape))


def scale(mult: list[int], bias: list[int], shift: int, out: IntType = I8) -> Requant:
    return Requant(np.array(mult), np.array(bias), shift, out)


def test_conv_by_hand() -> None:
    """Each value less its neighbour below on the right; outside is 0. 1..9 in rows of three."""
    weight = np.array([[[[1, 0], [0, -1]]]], np.int32)
    near = Conv("c", "input", weight, scale([1], [0], 0))
    x = np.arange(1, 10)[None]
    assert edges(behind(near, shape=(1, 3, 3), width=4), x)["c"].tolist() == [[[[-4, -4], [-4, -4]]]]
    wide = Conv("c", "input", weight, scale([2], [1], 1), padding=1)  # (2 v + 1 + 1) >> 1 = v + 1
    assert edges(behind(wide, shape=(1, 3, 3), width=16), x)["c"].tolist() == [
        [[[0, -1, -2, 1], [-3, -3, -3, 4], [-6, -3, -3, 7], [1, 8, 9, 10]]]
    ]
    far = Conv("c", "input", weight, scale([1], [0], 0), stride=2, padding=1)
    assert edges(behind(far, shape=(1, 3, 3), width=4), x)["c"].tolist() == [[[[-1, -3], [-7, -4]]]]


def test_conv_groups_and_channel_constants_by_hand() -> None:
    """Two groups of one channel: outputs 0 and 1 read channel 0, outputs 2 and 3 channel 1."""
    weight = np.array([1, 2, 1, -1], np.int32).reshape(4, 1, 1, 1)
    node = Conv("c", "input", weight, scale([1, 1, 10, 1], [0, 5, 0, 0], 0, I5), groups=2)
    assert edges(behind(node, shape=(2, 1, 1), width=4), np.array([[3, 7]]))["c"].ravel().tolist() == [3, 11, 15, -7]


def test_ranges_by_hand() -> None:
    """Every node clamps to its range; what a kernel sees outside of an image is 0, in the range or not."""
    above, below = IntType(4, within=(3, 9)), IntType(5, True, (-8, -2))
    first = Conv("a", "input", np.ones((1, 1, 1, 1), np.int32), scale([1], [0], 0, above))
    window = Conv("c", "a", np.ones((1, 1, 3, 3), np.int32), scale([1], [0], 0), padding=1)
    largest = MaxPool("m", "a", 2, 2)
    mean = AvgPool("p", "m", 1, 1, scale([-1], [0], 0, below))
    add = Add("s", "m", "p", np.array([1]), scale([1], [0], 0, IntType(2, True, (-1, 1))))
    network = behind(first, window, largest, mean, add, shape=(1, 2, 2))
    x = np.array([[-16, 4, 7, 15], [0, 1, 2, 3], [15, 15, 15, 15]])
    found = {k: v.reshape(3, -1).tolist() for k, v in edges(network, x).items()}
    assert found["a"] == [[3, 4, 7, 9], [3, 3, 3, 3], [9, 9, 9, 9]]
    assert found["c"] == [[23] * 4, [12] * 4, [36] * 4]  # four values and five zeros
    assert found["m"] == [[9], [3], [9]]
    assert found["p"] == [[-8], [-3], [-8]]
    assert found["s"] == [[1], [0], [1]]
    assert all(network.type_of(name).holds(edges(network, x)[name]) for name in ("a", "m", "p", "s"))
    assert network.type_of("m") == above


def test_inputs_outside_the_range_are_refused() -> None:
    narrow = toy(input=IntType(4, True, (-7, 7)))
    assert run(narrow, np.full((1, 5), -7)).shape == (1, 3)
    with pytest.raises(InputError) as caught:
        run(narrow, np.full((1, 5), -8))
    assert str(caught.value) == (
        "inputs of network toy: values must lie in -7..7 (i4[-7..7]), got -8..-8; clip or rescale them"
    )


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(3, 2, 1), (2, 1, 1), ((3, 2), (2, 3), (2, 1)), ((1, 3), 1, (0, 1)), (4, 4, 3)],
)
@pytest.mark.parametrize("kind", [IntType(4), IntType(4, within=(3, 9))], ids=str)
def test_padding_never_wins(kind: IntType, size: Any, stride: Any, padding: Any) -> None:
    """Padded with minus infinity, as training frameworks do, or with zeros, as the chip does: the same."""
    pool = MaxPool("pool", "input", size, stride, padding)
    values = int(np.prod(pool.shape((2, 5, 4))))
    network = residual(input=kind, nodes=(pool, linear("fc", "pool", values, 3, raw(3))), shape=(2, 5, 4), features=40)
    x = np.random.default_rng(6).integers(kind.lo, kind.hi + 1, (20, 40))
    y = run(verify(network), x)
    assert y.tolist() == [plain(network, row) for row in x.tolist()]
    assert len(np.unique(y)) > 5


def test_pools_by_hand() -> None:
    x = np.array([[1, -2, 3, 0, -5, -4, -6, -7]])
    largest = behind(MaxPool("p", "input", 2, 1), shape=(2, 2, 2), width=2)
    assert edges(largest, x)["p"].ravel().tolist() == [3, -4]
    mean = AvgPool("p", "input", 2, 2, scale([1, 3], [0, 2], 2))  # sums 2 and -22: (2 + 2) >> 2, (-66 + 2 + 2) >> 2
    assert edges(behind(mean, shape=(2, 2, 2), width=2), x)["p"].ravel().tolist() == [1, -16]


def test_add_by_hand() -> None:
    """(5 * 3 - 2 * 4 + 1 + 2) >> 2 = 2 in channel 0, (7 * 1 + 6 * -2 + 0 + 2) >> 2 = -1 in channel 1."""
    one = Conv("a", "input", np.array([[[[1]], [[0]]], [[[0]], [[1]]]], np.int32), scale([1, 1], [0, 0], 0))
    other = Conv("b", "input", one.weight, scale([1, 1], [-7, -1], 0))
    add = Add("s", "a", "b", np.array([4, -2]), scale([3, 1], [1, 0], 2))
    network = behind(one, other, add, shape=(2, 1, 1), width=2)
    assert {k: v.ravel().tolist() for k, v in edges(network, np.array([[5, 7]])).items()} == {
        "input": [5, 7], "a": [5, 7], "b": [-2, 6], "s": [2, -1], "last": [2]
    }  # fmt: skip


def test_add_of_features() -> None:
    """Without an image form, every feature is a channel of its own."""
    one = Linear("a", "input", np.eye(3, dtype=np.int32), scale([1, 1, 1], [0, 0, 0], 0))
    add = Add("s", "input", "a", np.array([1, 2, 3]), scale([1, 1, 1], [0, 10, 0], 0))
    last = linear("fc", "s", 3, 2, raw(2))
    network = verify(Network("n", 3, IntType(4), (one, add, last)))
    assert edges(network, np.array([[1, 2, 3]]))["s"].tolist() == [[2, 16, 12]]


def test_linear_reads_channels_then_rows() -> None:
    network = behind(MaxPool("p", "input", 1, 1), shape=(2, 2, 3), width=12)
    network.nodes[-1].weight[:, 0] = 10 ** np.arange(12) % 32767
    x = np.zeros((12, 12), int)
    np.fill_diagonal(x, 1)
    assert run(network, x).ravel().tolist() == network.nodes[-1].weight[:, 0].tolist()


def test_a_picture_leaves_channel_by_channel() -> None:
    """As a linear layer would read it, and as images come."""
    x = np.arange(8).reshape(2, 4)
    last = Conv("c", "input", np.array([1, -1], np.int32).reshape(2, 1, 1, 1), raw(2))
    network = Network("n", 4, IntType(4), (last,), shape=(1, 2, 2))
    assert run(verify(network), x).tolist() == [[0, 1, 2, 3, 0, -1, -2, -3], [4, 5, 6, 7, -4, -5, -6, -7]]
    assert run(network, x[:0]).shape == (0, 8)


def test_trims_change_nothing() -> None:
    """There are no converters here."""
    x = np.random.default_rng(0).integers(-8, 8, (20, 5))
    fc1, fc2 = toy().nodes
    assert isinstance(fc1, Linear)
    trimmed = toy(nodes=(Linear("fc1", "input", fc1.weight, fc1.requant, Trim(3, 2)), fc2))
    assert (run(trimmed, x) == run(toy(), x)).all()


def test_every_edge_has_its_shape_and_type() -> None:
    network = residual()
    found = edges(network, np.random.default_rng(0).integers(0, 16, (3, 32)))
    assert list(found) == ["input", "conv1", "conv2", "add", "pool", "conv3", "avg", "fc"]
    for name, values in found.items():
        assert values.shape == (3, *network.shape_of(name)) and values.dtype == np.int64
        assert network.type_of(name).holds(values)


@pytest.mark.parametrize("values", [1, 1000, 1 << 23])
def test_images_in_parts(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(0, 16, (23, 32))
    expected = run(residual(), x)
    monkeypatch.setattr(importlib.import_module("codesign.ir.run"), "VALUES", values)
    assert (run(residual(), x) == expected).all()
    assert run(residual(), x[:0]).shape == (0, 3)


def test_edges_of_few_images_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All edges of these images are 8 MB; the inputs alone 2 MB, checked and copied."""
    monkeypatch.setattr(importlib.import_module("codesign.ir.run"), "VALUES", 1 << 14)
    x = np.zeros((4000, 32), np.int64)
    tracemalloc.start()
    run(residual(), x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_no_images_have_no_edges() -> None:
    found = edges(residual(), np.zeros((0, 32), int))
    assert {name: values.shape for name, values in found.items()} == {
        name: (0, *residual().shape_of(name)) for name in found
    }
