"""Convolutions as matrix products, and exact integer products with torch's fast convolution.

Weights have their outputs first: (outputs, channels of a convolution group, height, width).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from codesign.fixed import Ints
from codesign.ir.exact import convolve_exact, matmul_exact
from codesign.ir.geometry import Window

CHUNK = 1 << 24  # numbers of an unrolled batch at once


def groups_of(x: Tensor | Ints, weight: Tensor) -> int:
    """Number of convolution groups, from inputs (images, channels, ...) and the weight."""
    return int(x.shape[1] // weight.shape[1])


def convolve(x: Tensor, weight: Tensor, window: Window) -> Tensor:
    """(images, channels, height, width) to (images, outputs, height', width')."""
    return functional.conv2d(x, weight, None, window.stride, window.padding, groups=groups_of(x, weight))


def patches(x: Tensor, window: Window) -> Tensor:
    """Inputs of the wordlines, ordered by channel, kernel row, kernel column: (images * positions, channels * area)."""
    unrolled = functional.unfold(x, window.size, padding=window.padding, stride=window.stride)  # (N, K, L)
    return unrolled.transpose(1, 2).reshape(-1, unrolled.shape[1])


def images(y: Tensor, x: Tensor, window: Window) -> Tensor:
    """Products (images * positions, outputs) as (images, outputs, height', width') for the input `x`."""
    height, width = window.positions(x.shape)
    return y.reshape(len(x), height * width, -1).transpose(1, 2).reshape(len(x), -1, height, width)


def exact(x: Ints, codes: Tensor, window: Window | None) -> Ints:
    """The integer product of activations (images first) and codes (outputs first)."""
    w = codes.numpy()
    if window is None:
        return matmul_exact(x.reshape(len(x), -1), w.T)
    return convolve_exact(x, w, window, _chunked)


def _chunked(x: NDArray[np.floating], weight: NDArray[np.floating], window: Window) -> NDArray[np.floating]:
    """`convolve` for a few images at a time."""
    w = torch.from_numpy(weight)
    batch = max(1, CHUNK // max(1, x[0].size * window.area))
    parts = [convolve(torch.from_numpy(x[k : k + batch]), w, window) for k in range(0, len(x), batch)]
    made: NDArray[np.floating] = torch.cat(parts).numpy()
    return made
