"""What flows between quantized layers, what each of them answers, and the activation.

What flows is an `Edge`: integers, and what one of them is worth. Each layer learns how far its grid reaches (LSQ,
arXiv:1902.08153). The parameter is the reach, the real value of the largest weight or activation: unlike the step, it
suits one learning rate whatever the number of levels.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codesign.errors import InputError
from codesign.fixed import Ints, IntType
from codesign.ir import Node
from codesign.train.layers.ste import TINY, requantize


class Edge(NamedTuple):
    """Activations in training: integers of `kind` held in floats, each worth `const` times every reach."""

    value: Tensor  # (images, features) or (images, channels, height, width)
    kind: IntType
    const: float
    reach: tuple[Tensor, ...] = ()  # learned, () each


class IntEdge(NamedTuple):
    """Activations under the integer contract; `step` only serves to choose constants."""

    value: Ints
    step: float
    kind: IntType


def span(kind: IntType) -> int:
    """The largest magnitude of an integer type: its reach in steps."""
    return max(kind.hi, -kind.lo)


def drive(kind: IntType) -> int:
    """How far the largest activation of a type drives the wordline of a bias; the lowest where none lies above 0."""
    return kind.hi if kind.hi > 0 else -kind.lo


class QuantReLU(nn.Module):
    """An activation: integers in lo..hi of `kind`, each worth a learned step. Where lo is 0 that is a ReLU.

    `clip` fixes the reach instead, the real value of the integer farthest from 0 (ReLU6 has 6).
    """

    def __init__(self, kind: IntType, clip: float | None = None) -> None:
        super().__init__()
        if not 1 <= kind.bits <= 8:
            raise InputError(f"activation: must have 1..8 bits, got {kind}; choose 1 to 8")
        if kind.lo == kind.hi:
            raise InputError(f"activation: must take two integers or more, got {kind}; choose a wider range")
        self.kind = kind
        start = min(4.0, 1 + 0.75 * kind.bits) if clip is None else clip
        self.reach = nn.Parameter(torch.tensor(start), requires_grad=clip is None)

    @property
    def step(self) -> float:
        """Real value of one integer, in float64."""
        return (abs(self.reach.item()) + TINY) / span(self.kind)

    def forward(self, acc: Tensor, bias: Tensor, const: float, *reaches: Tensor) -> Edge:
        """Accumulators worth const * reaches each, plus a real bias, to the nearest step."""
        top = span(self.kind)
        kind = (float(self.kind.lo), float(self.kind.hi), top)
        return Edge(requantize(acc, bias, self.reach, kind, const, *reaches), self.kind, 1 / top, (self.reach,))


class QuantModule(nn.Module):
    """A layer of a quantized network, which reads the edges `sources` by their layers' names.

    Called with an `Edge` for each, in floats, it gives an Edge that gradients pass. `integers` does the same for
    `IntEdge`s, by the integer contract. `nodes(reads, *edges)` is the layer as nodes of the integer network, the last
    of which holds its result; `reads` are the nodes that hold what it reads.
    """

    integers: Callable[..., IntEdge]
    nodes: Callable[..., tuple[Node, ...]]

    def __init__(self, name: str, *sources: str) -> None:
        super().__init__()
        self.name, self.sources = name, sources
