"""Exact integer products by floating-point GEMM, and pooling over the windows of images."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codesign.fixed import Ints
from codesign.ir.geometry import Window

BLOCK = 1 << 18  # values unrolled at once: they fit a cache and keep GEMM busy


def product(
    x: NDArray[np.generic],
    w: NDArray[np.generic],
    multiply: Callable[[Any, Any], Any] = np.matmul,
    axis: int | tuple[int, ...] = 0,
) -> NDArray[Any]:
    """Exact `multiply(x, w)` of integers, in the narrowest type that cannot round: float32, float64 or int64.

    `axis` is the axes of `w` that every result sums over. The result keeps the type, which saves callers a conversion.
    """
    weights = np.abs(w.astype(np.int64)).sum(axis=axis).max(initial=0)
    largest = max(float(x.max(initial=0)), -float(x.min(initial=0)))
    top = largest * float(weights)  # bound of every partial sum
    dtype: Any = np.float32 if top < 2**24 else np.float64 if top < 2**53 else np.int64
    with np.errstate(invalid="ignore"):  # BLAS may raise the flag for lanes past the end of a matrix
        return np.asarray(multiply(x.astype(dtype, copy=False), w.astype(dtype, copy=False)))


def matmul_exact(x: NDArray[np.generic], w: NDArray[np.generic]) -> Ints:
    """Exact integer product x @ w."""
    return product(x, w).astype(np.int64)


def convolve_exact(
    x: Ints,
    weight: NDArray[np.integer[Any]],
    window: Window,
    convolve: Callable[[Any, Any, Window], Any] | None = None,
) -> Ints:
    """Exact accumulators (images, outputs, height, width) of x (images, channels, height, width).

    weight is (outputs, channels // groups, kernel_h, kernel_w); convolution group g of the outputs reads that of
    the inputs. `convolve` does the same in floats (training has a fast one); absent, windows are unrolled here.
    """
    multiply = convolve or _unrolled
    return product(x, weight, lambda a, b: multiply(a, b, window), (1, 2, 3)).astype(np.int64, copy=False)


def _unrolled(x: NDArray[Any], weight: NDArray[Any], window: Window) -> Ints:
    """Convolution as matrix products with windows as columns, BLOCK values (or one row of an image) at a time."""
    outputs, groups = len(weight), x.shape[1] // weight.shape[1]
    (above, beside), (down, across) = window.padding, window.stride
    padded = np.pad(x, ((0, 0), (0, 0), (above, above), (beside, beside)))
    windows = sliding_window_view(padded, window.size, axis=(2, 3))[:, :, ::down, ::across]
    windows = windows.transpose(0, 1, 4, 5, 2, 3)  # (images, channels, kernel_h, kernel_w, height, width)
    height, width = windows.shape[4:]
    flat = weight.reshape(groups, outputs // groups, -1)  # (G, O/G, K)
    acc = np.empty((len(x), outputs, height, width), dtype=np.int64)
    row = x.shape[1] * window.area * width
    images, rows = max(1, BLOCK // (row * height)), min(height, max(1, BLOCK // row))
    for i in range(0, len(x), images):
        for r in range(0, height, rows):
            part = windows[i : i + images, ..., r : r + rows, :]
            columns = part.reshape(len(part), groups, flat.shape[2], -1)  # (images, G, K, positions)
            acc[i : i + images, :, r : r + rows] = (flat @ columns).reshape(len(part), outputs, -1, width)
    return acc


def pool(x: Ints, window: Window, combine: np.ufunc) -> Ints:
    """Combine the windows of x (images, channels, height, width): first their rows, then their columns."""
    height, width = window.positions(x.shape)
    (down, across), (rows, columns) = window.stride, window.size
    last, end = (height - 1) * down + 1, (width - 1) * across + 1
    lines = reduce(combine, (x[:, :, k : k + last : down] for k in range(rows)))
    return np.array(reduce(combine, (lines[..., k : k + end : across] for k in range(columns))))
