"""Convolutions as matrix products: what a window is, and exact integer products through floating point."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from codesign.fixed import Ints

CHUNK = 1 << 24  # numbers of an unrolled batch at a time


@dataclass(frozen=True)
class Window:
    """Where the rows of a convolution come from, in order: channel, kernel row, kernel column."""

    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """(images, channels, height, width) to (images, outputs, height', width')."""
        return functional.conv2d(x, weight, None, self.stride, self.padding, groups=self.groups)

    def patches(self, x: Tensor) -> Tensor:
        """What the wordlines see: (images * positions, channels * kernel * kernel)."""
        unrolled = functional.unfold(x, self.kernel, padding=self.padding, stride=self.stride)  # (N, K, L)
        return unrolled.transpose(1, 2).reshape(-1, unrolled.shape[1])

    def images(self, y: Tensor, x: Tensor) -> Tensor:
        """Products (images * positions, outputs) as (images, outputs, height', width') for the input `x`."""
        height, width = ((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in x.shape[2:])
        return y.reshape(len(x), height * width, -1).transpose(1, 2).reshape(len(x), -1, height, width)


def exact(x: Ints, codes: Tensor, window: Window | None) -> Ints:
    """The integer product of activations (images first) and codes (outputs first), in a float that cannot round."""
    top = abs(x).max(initial=0) * int(codes.abs().flatten(1).sum(1).max())
    kind = torch.float32 if top < 2**24 else torch.float64
    assert top < 2**53
    w = codes.to(kind)
    parts = []
    batch = max(1, CHUNK // max(1, x[0].size * (window.kernel**2 if window else 1)))
    for first in range(0, len(x), batch):
        part = torch.from_numpy(x[first : first + batch]).to(kind)
        parts.append(functional.linear(part.flatten(1), w) if window is None else window.convolve(part, w))
    return torch.cat(parts).to(torch.int64).numpy()
