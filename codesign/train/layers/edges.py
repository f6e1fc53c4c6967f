"""Edges between quantized layers, the interface of such a layer, and the activation.

An `Edge` holds integers and their real scale. Each layer learns where its grid clips (LSQ, arXiv:1902.08153): the
parameter is the clip, the real value of the largest weight or activation. Unlike the scale, it suits one learning rate
for any number of levels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codesign.errors import InputError
from codesign.fixed import Ints, IntType, Trim
from codesign.ir import Node
from codesign.train.layers.ste import TINY, requantize


class Edge(NamedTuple):
    """Activations in training: integers of `kind` in floats; their scale is `const` times every clip."""

    value: Tensor  # (images, features) or (images, channels, height, width)
    kind: IntType
    const: float
    clip: tuple[Tensor, ...] = ()  # learned parameters, () each


class Raw(NamedTuple):
    """How a residual sum scales the accumulators of a layer: their real value is `scale * accumulator + bias`.

    Under converters with a `trim`, a value is a sum of codes, which the trim's gain and shift turn into accumulators.
    """

    scale: NDArray[np.float64]  # (channels,)
    bias: NDArray[np.float64]  # (channels,)
    trim: Trim = Trim()
    reserve: int = 1  # what the multipliers leave room for, see `requant_constants`


class IntEdge(NamedTuple):
    """Activations under the integer contract; `scale` serves only to choose constants. `raw` replaces it in a sum."""

    value: Ints
    scale: float
    kind: IntType
    raw: Raw | None = None


def span(kind: IntType) -> int:
    """The largest magnitude of an integer type."""
    return max(kind.hi, -kind.lo)


def drive(kind: IntType) -> int:
    """Magnitude of the activation that drives a bias wordline: the type's largest, or its lowest if none is above 0."""
    return kind.hi if kind.hi > 0 else -kind.lo


class QuantReLU(nn.Module):
    """An activation: integers in lo..hi of `kind` with a learned scale. It is a ReLU where lo is 0.

    The parameter `clip` is the real value of the integer farthest from 0; given here, it is fixed (6 for ReLU6).
    """

    def __init__(self, kind: IntType, clip: float | None = None) -> None:
        super().__init__()
        if not 1 <= kind.bits <= 8:
            raise InputError(f"activation: must have 1..8 bits, got {kind}; choose 1 to 8")
        if kind.lo == kind.hi:
            raise InputError(f"activation: must have at least two values, got {kind}; choose a wider range")
        self.kind = kind
        start = min(4.0, 1 + 0.75 * kind.bits) if clip is None else clip
        self.clip = nn.Parameter(torch.tensor(start), requires_grad=clip is None)

    @property
    def scale(self) -> float:
        """Real value of one integer, in float64."""
        return (abs(self.clip.item()) + TINY) / span(self.kind)

    def forward(self, acc: Tensor, bias: Tensor, const: float, *clips: Tensor) -> Edge:
        """Accumulators of scale const * clips, plus a real bias, rounded to the nearest integer."""
        top = span(self.kind)
        kind = (float(self.kind.lo), float(self.kind.hi), top)
        return Edge(requantize(acc, bias, self.clip, kind, const, *clips), self.kind, 1 / top, (self.clip,))


class QuantModule(nn.Module):
    """A layer of a quantized network. It reads the edges that leave the layers `sources`.

    Called with an `Edge` for each source, it returns an Edge through which gradients flow. `integers` does the same for
    `IntEdge`s by the integer contract. `nodes(reads, *edges)` is the layer as nodes of the integer network; the last of
    them holds its result, and `reads` names the nodes that it reads.
    """

    integers: Callable[..., IntEdge]
    nodes: Callable[..., tuple[Node, ...]]

    def __init__(self, name: str, *sources: str) -> None:
        super().__init__()
        self.name, self.sources = name, sources
