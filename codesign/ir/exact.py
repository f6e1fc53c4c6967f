"""Exact integer products through floating-point GEMM, and the windows of images."""

import functools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codesign.fixed import Ints
from codesign.ir.graph import Conv, positions

BLOCK = 1 << 18  # values unrolled at once: few enough for a cache, enough to keep GEMM busy


def matmul_exact(x: NDArray[np.generic], w: NDArray[np.generic]) -> Ints:
    """Exact integer product x @ w, in the narrowest number that cannot round."""
    dtype = _exact(x, w, axis=0)
    return (x.astype(dtype) @ w.astype(dtype)).astype(np.int64)


def convolve_exact(x: Ints, conv: Conv) -> Ints:
    """Exact accumulators (images, outputs, height, width) of x (images, channels, height, width).

    Windows are unrolled into the columns of a matrix, BLOCK values (or one row of one image) at a time.
    """
    kernel_h, kernel_w = conv.kernel
    dtype = _exact(x, conv.weight, axis=(1, 2, 3))
    rim = (conv.padding, conv.padding)
    padded = np.pad(x.astype(dtype), ((0, 0), (0, 0), rim, rim))
    windows = sliding_window_view(padded, (kernel_h, kernel_w), axis=(2, 3))[:, :, :: conv.stride, :: conv.stride]
    windows = windows.transpose(0, 1, 4, 5, 2, 3)  # (images, channels, kernel_h, kernel_w, height, width)
    height, width = windows.shape[4:]
    weight = conv.weight.reshape(conv.groups, conv.outputs // conv.groups, -1).astype(dtype)  # (G, O/G, K)
    acc = np.empty((len(x), conv.outputs, height, width), dtype=np.int64)
    row = conv.inputs * kernel_h * kernel_w * width
    images, rows = max(1, BLOCK // (row * height)), min(height, max(1, BLOCK // row))
    for i in range(0, len(x), images):
        for r in range(0, height, rows):
            part = windows[i : i + images, ..., r : r + rows, :]
            columns = part.reshape(len(part), conv.groups, weight.shape[2], -1)  # (images, G, K, positions)
            acc[i : i + images, :, r : r + rows] = (weight @ columns).reshape(len(part), conv.outputs, -1, width)
    return acc


def pool(x: Ints, size: int, stride: int, combine: np.ufunc) -> Ints:
    """`combine` over the square windows of x (images, channels, height, width): over their rows, then columns."""
    height, width = (positions(n, size, stride) for n in x.shape[2:])
    bottom, right = (height - 1) * stride + 1, (width - 1) * stride + 1
    lines = functools.reduce(combine, (x[:, :, k : k + bottom : stride] for k in range(size)))
    return np.array(functools.reduce(combine, (lines[..., k : k + right : stride] for k in range(size))))


def _exact(x: NDArray[np.generic], w: NDArray[np.generic], axis: int | tuple[int, ...]) -> type[np.number[Any]]:
    """The narrowest type in which no partial sum of products can round; `axis` of `w` is summed over."""
    weights = np.abs(w.astype(np.int64)).sum(axis=axis).max(initial=0)
    top = float(np.abs(x).max(initial=0)) * float(weights)
    return np.float32 if top < 2**24 else np.float64 if top < 2**53 else np.int64
