"""Products and windows of integers against loops in Python's own."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from codesign.ir import exact
from codesign.ir.exact import convolve_exact, matmul_exact, pool, product
from codesign.ir.geometry import Window
from tests.ir.networks import conv, hidden
from tests.ir.plain import convolved


@pytest.mark.parametrize("top", [3, 2**13, 2**27, 2**30])
def test_matmul_is_exact_in_every_width(top: int) -> None:
    """Sums below 2^24 go through float32, below 2^53 through float64, the rest through int64."""
    rng = np.random.default_rng(top)
    x, w = rng.integers(-top, top, (7, 9)), rng.integers(-top, top, (9, 4))
    expected = [[sum(int(a) * int(b) for a, b in zip(r, c, strict=True)) for c in w.T] for r in x]
    assert matmul_exact(x, w).tolist() == expected


@pytest.mark.parametrize(("top", "dtype"), [(3, np.float32), (2**13, np.float64), (2**28, np.int64)])
def test_products_are_multiplied_in_the_narrowest_number(top: int, dtype: type) -> None:
    x, w = np.full((2, 9), top), np.full((9, 4), -top, np.int32)
    seen = []

    def multiply(a: Any, b: Any) -> Any:
        seen.extend([a.dtype, b.dtype])
        return a @ b

    assert product(x, w, multiply).dtype == dtype and seen == [dtype, dtype]
    assert product(x, w).tolist() == [[-9 * top * top] * 4] * 2


def test_products_just_below_and_at_the_limit_of_a_type() -> None:
    """What counts is the sum of magnitudes, over the axis that is summed."""
    w = np.array([[2**12, 0], [-(2**12) + 1, 1]])
    assert product(np.full((1, 2), 2**11), w).dtype == np.float32
    assert product(np.full((1, 2), 2**11 + 1), w).dtype == np.float64
    assert product(np.full((1, 2), 2**11 + 1), w, lambda a, b: a @ b.T, axis=1).dtype == np.float32


def test_another_convolution_does_as_well() -> None:
    """Training has one; which number it is given is decided here."""
    node = conv("c", "input", (4, 3, 3, 3), hidden(4), padding=1)
    x = np.random.default_rng(1).integers(-8, 8, (5, 3, 7, 6))
    seen = []

    def convolve(a: Any, weight: Any, window: Window) -> Any:
        seen.append((a.dtype, weight.dtype, window))
        return convolve_exact(a.astype(int), weight.astype(int), window).astype(a.dtype)

    acc = convolve_exact(x, node.weight, node.window, convolve)
    assert acc.dtype == np.int64 and (acc == convolve_exact(x, node.weight, node.window)).all()
    assert seen == [(np.float32, np.float32, node.window)]


def test_the_most_negative_weight_has_a_magnitude() -> None:
    """|-2^31| does not fit the weight's own type."""
    assert matmul_exact(np.array([[2**25 + 1]]), np.array([[-(2**31)]], np.int32)).tolist() == [[-(2**56) - 2**31]]


CONVOLUTIONS = [
    ((1, 1, 1, 1), {}),
    ((4, 3, 3, 3), {}),
    ((4, 3, 3, 3), {"padding": 1}),
    ((4, 3, 3, 3), {"padding": 2, "stride": 2}),
    ((2, 3, 2, 5), {"padding": 1, "stride": 3}),
    ((5, 1, 3, 2), {"groups": 5, "padding": 1}),  # depthwise
    ((8, 1, 3, 3), {"groups": 4, "stride": 2}),  # two outputs of each channel
    ((6, 2, 2, 2), {"groups": 3}),
    ((3, 2, 3, 4), {"stride": (2, 1), "padding": (0, 3)}),
    ((3, 2, 1, 4), {"stride": (1, 3)}),  # a signal's
    ((3, 2, 7, 6), {}),  # the kernel covers the image
]


@pytest.mark.parametrize(("shape", "options"), CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("block", [1, 500, 1 << 18])
def test_convolution(
    shape: tuple[int, ...], options: dict[str, Any], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row by row, some images at once, all at once."""
    monkeypatch.setattr(exact, "BLOCK", block)
    node = conv("c", "input", shape, hidden(shape[0]), seed=shape[0], **options)
    x = np.random.default_rng(1).integers(-8, 8, (5, node.inputs, 7, 6))
    acc = convolve_exact(x, node.weight, node.window)
    assert acc.dtype == np.int64
    assert acc.tolist() == [convolved(image, node).tolist() for image in x.astype(object)]


@pytest.mark.parametrize("top", [3, 32767])
def test_convolution_is_exact_in_every_width(top: int) -> None:
    """2 * 9 * 255 * 32767 is more than float32 can tell apart."""
    node = conv("c", "input", (2, 2, 3, 3), hidden(2))
    node.weight[:] = np.random.default_rng(0).integers(-top, top + 1, node.weight.shape) | 1
    x = np.random.default_rng(1).integers(200, 256, (3, 2, 5, 4))
    assert convolve_exact(x, node.weight, node.window).tolist() == [
        convolved(image, node).tolist() for image in x.astype(object)
    ]


def test_unrolled_windows_stay_small() -> None:
    """All windows of these images are 23 MB, a block of them 1 MB."""
    node = conv("c", "input", (4, 8, 5, 5), hidden(4))
    x = np.ones((200, 8, 16, 16), np.int64)
    tracemalloc.start()
    convolve_exact(x, node.weight, node.window)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


COUNTING = np.arange(16).reshape(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("size", "stride", "largest", "total"),
    [
        (1, 1, COUNTING[0, 0].tolist(), COUNTING[0, 0].tolist()),
        (2, 2, [[5, 7], [13, 15]], [[10, 18], [42, 50]]),
        (3, 1, [[10, 11], [14, 15]], [[45, 54], [81, 90]]),
        (2, 3, [[5]], [[10]]),  # the last row and column are in no window
        (1, 3, [[0, 3], [12, 15]], [[0, 3], [12, 15]]),
        (4, 4, [[15]], [[120]]),
    ],
)
def test_pool(size: int, stride: int, largest: list[list[int]], total: list[list[int]]) -> None:
    assert pool(COUNTING, Window.square(size, stride), np.maximum).tolist() == [[largest]]
    assert pool(COUNTING, Window.square(size, stride), np.add).tolist() == [[total]]


def test_pool_keeps_images_and_channels_apart() -> None:
    x = np.concatenate([COUNTING, -COUNTING], axis=1)
    assert pool(np.concatenate([x, x + 100]), Window.square(2, 2), np.maximum).tolist() == [
        [[[5, 7], [13, 15]], [[0, -2], [-8, -10]]],
        [[[105, 107], [113, 115]], [[100, 98], [92, 90]]],
    ]


def test_pool_returns_values_of_its_own() -> None:
    assert not np.shares_memory(pool(COUNTING, Window.square(1), np.maximum), COUNTING)
