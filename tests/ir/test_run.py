"""The integer reference against plain Python integers, and the inputs it refuses."""

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Network, run
from codesign.ir.run import matmul_exact
from ir.networks import linear, raw, toy


def plain(network: Network, row: list[int]) -> list[int]:
    """The network in Python's own unbounded integers, written from the contract."""
    edges = {"input": row}
    for n in network.nodes:
        out, q = [], n.requant
        for j in range(n.outputs):
            acc = sum(x * int(n.weight[i, j]) for i, x in enumerate(edges[n.source]))
            acc = acc * int(q.mult[j]) + int(q.bias[j])
            if q.shift:
                acc = (acc + 2 ** (q.shift - 1)) // 2**q.shift
            out.append(max(q.out.lo, min(q.out.hi, acc)))
        edges[n.name] = out
    return edges[network.nodes[-1].name]


def test_equals_plain_integers() -> None:
    network = toy()
    x = np.random.default_rng(3).integers(-8, 8, (200, 5))
    assert run(network, x).tolist() == [plain(network, row) for row in x.tolist()]


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


@pytest.mark.parametrize("top", [3, 2**13, 2**27, 2**30])
def test_matmul_is_exact_in_every_width(top: int) -> None:
    """Sums below 2^24 go through float32, below 2^53 through float64, the rest through int64."""
    rng = np.random.default_rng(top)
    x, w = rng.integers(-top, top, (7, 9)), rng.integers(-top, top, (9, 4))
    expected = [[sum(int(a) * int(b) for a, b in zip(r, c, strict=True)) for c in w.T] for r in x]
    assert matmul_exact(x, w).tolist() == expected


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(5, int), "shape must be (images, 5), got (5,); flatten each image to one row"),
        (np.zeros((2, 4), int), "shape must be (images, 5), got (2, 4); flatten each image to one row"),
        (np.zeros((2, 5)), "dtype must be an integer, got float64; quantize first (one step is 0.25)"),
        (np.zeros((2, 5), bool), "dtype must be an integer, got bool; quantize first (one step is 0.25)"),
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
