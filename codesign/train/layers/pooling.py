"""Layers without cells: pooling and residual sums."""

import numpy as np
import torch
from torch.nn import functional

from codesign.fixed import Ints, IntType, requant_constants, requantize_sum
from codesign.ir import Add, AvgPool, MaxPool, Node, Requant
from codesign.ir.geometry import Pair, Window, pair
from codesign.train.layers.edges import Edge, IntEdge, QuantModule, QuantReLU
from codesign.train.layers.ste import affine, requantize


class _Pool(QuantModule):
    """One value for each window, of the same type and scale. size and stride are (height, width), or one for both."""

    def __init__(self, name: str, source: str, size: int | Pair, stride: int | Pair) -> None:
        super().__init__(name, source)
        self.window = Window(pair(size), pair(stride))

    @property
    def size(self) -> Pair:
        return self.window.size

    @property
    def stride(self) -> Pair:
        return self.window.stride


class QuantMaxPool(_Pool):
    """Largest integer of each window, of the same type and scale."""

    def forward(self, x: Edge) -> Edge:
        return x._replace(value=functional.max_pool2d(x.value, self.size, self.stride))

    def integers(self, x: IntEdge) -> IntEdge:
        """The same on integers."""
        y = functional.max_pool2d(torch.from_numpy(x.value).double(), self.size, self.stride)
        return x._replace(value=y.numpy().astype(np.int64))

    def nodes(self, reads: tuple[str, ...], _x: IntEdge) -> tuple[Node, ...]:
        """Its node."""
        return (MaxPool(self.name, reads[0], self.size, self.stride),)


class QuantAvgPool(_Pool):
    """Mean of each window, rounded half up by the requantizer, of the same type and scale."""

    def requant(self, kind: IntType, channels: int) -> Requant:
        """The requantizer that divides a window's sum by its size."""
        mult, bias, shift = requant_constants(np.full(channels, 1 / self.window.area), 0.0)
        return Requant(mult, bias, shift, kind)

    def forward(self, x: Edge) -> Edge:
        total = functional.avg_pool2d(x.value, self.size, self.stride, divisor_override=1)
        kind = (float(x.kind.lo), float(x.kind.hi), 1)
        return x._replace(value=requantize(total, total.new_zeros(()), total.new_ones(()), kind, 1 / self.window.area))

    def integers(self, x: IntEdge) -> IntEdge:
        """The same by the integer contract."""
        y = functional.avg_pool2d(torch.from_numpy(x.value).double(), self.size, self.stride, divisor_override=1)
        return x._replace(value=self.requant(x.kind, x.value.shape[1])(y.numpy().astype(np.int64)))

    def nodes(self, reads: tuple[str, ...], x: IntEdge) -> tuple[Node, ...]:
        """Its node."""
        return (AvgPool(self.name, reads[0], self.size, self.stride, self.requant(x.kind, x.value.shape[1])),)


class QuantAdd(QuantModule):
    """Residual sum of two edges, then the activation."""

    def __init__(self, name: str, source: str, other: str, activation: QuantReLU) -> None:
        super().__init__(name, source, other)
        self.activation = activation

    def constants(self, x: IntEdge, y: IntEdge) -> tuple[Requant, Ints]:
        """The requantizer of `x` and the multipliers of `y`, one per channel."""
        channels, after = x.value.shape[1], self.activation.scale
        mult, bias, shift = requant_constants(np.array([x.scale / after, y.scale / after]), 0.0)
        full = np.ones(channels, np.int64)
        return Requant(mult[0] * full, bias[0] * full, shift, self.activation.kind), mult[1] * full

    def forward(self, x: Edge, y: Edge) -> Edge:
        none = x.value.new_zeros(())
        both = affine(x.value, none, x.const, *x.clip) + affine(y.value, none, y.const, *y.clip)
        edge: Edge = self.activation(both, none, 1.0)
        return edge

    def integers(self, x: IntEdge, y: IntEdge) -> IntEdge:
        """The same by the integer contract."""
        q, other = self.constants(x, y)
        value = requantize_sum(x.value, q.mult[0], y.value, other[0], q.bias[0], q.shift, q.out)
        return IntEdge(value, self.activation.scale, q.out)

    def nodes(self, reads: tuple[str, ...], x: IntEdge, y: IntEdge) -> tuple[Node, ...]:
        """Its node."""
        requant, other = self.constants(x, y)
        source, second = reads
        return (Add(self.name, source, second, other, requant),)
