"""Exact integer products through floating-point GEMM, and the windows of images."""

import functools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codesign.fixed import Ints
from codesign.ir.geometry import Window

BLOCK = 1 << 18  # values unrolled at once: few enough for a cache, enough to keep GEMM busy


def product(x: NDArray[np.generic], w: NDArray[np.generic]) -> NDArray[Any]:
    """Exact integer product x @ w in the narrowest number that cannot round: float32, float64 or int64."""
    dtype = _exact(x, w, axis=0)
    return np.asarray(x.astype(dtype) @ w.astype(dtype))


def matmul_exact(x: NDArray[np.generic], w: NDArray[np.generic]) -> Ints:
    """Exact integer product x @ w."""
    return product(x, w).astype(np.int64)


def convolve_exact(x: Ints, weight: NDArray[np.integer[Any]], window: Window) -> Ints:
    """Exact accumulators (images, outputs, height, width) of x (images, channels, height, width).

    weight is (outputs, channels // groups, kernel_h, kernel_w); output group g reads input group g. Windows are
    unrolled into the columns of a matrix, BLOCK values (or one row of one image) at a time.
    """
    outputs, groups = len(weight), x.shape[1] // weight.shape[1]
    dtype = _exact(x, weight, axis=(1, 2, 3))
    rim = (window.padding, window.padding)
    padded = np.pad(x.astype(dtype), ((0, 0), (0, 0), rim, rim))
    windows = sliding_window_view(padded, window.size, axis=(2, 3))[:, :, :: window.stride, :: window.stride]
    windows = windows.transpose(0, 1, 4, 5, 2, 3)  # (images, channels, kernel_h, kernel_w, height, width)
    height, width = windows.shape[4:]
    flat = weight.reshape(groups, outputs // groups, -1).astype(dtype)  # (G, O/G, K)
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
    """`combine` over the windows of x (images, channels, height, width): over their rows, then their columns."""
    height, width = window.positions(x.shape)
    down, across = (height - 1) * window.stride + 1, (width - 1) * window.stride + 1
    rows, columns = window.size
    lines = functools.reduce(combine, (x[:, :, k : k + down : window.stride] for k in range(rows)))
    return np.array(functools.reduce(combine, (lines[..., k : k + across : window.stride] for k in range(columns))))


def _exact(x: NDArray[np.generic], w: NDArray[np.generic], axis: int | tuple[int, ...]) -> type[np.number[Any]]:
    """The narrowest type in which no partial sum of products can round; `axis` of `w` is summed over."""
    weights = np.abs(w.astype(np.int64)).sum(axis=axis).max(initial=0)
    top = float(np.abs(x).max(initial=0)) * float(weights)
    return np.float32 if top < 2**24 else np.float64 if top < 2**53 else np.int64
