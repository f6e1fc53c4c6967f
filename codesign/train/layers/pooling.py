"""Layers without cells: pooling and residual sums."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from codesign.fixed import INT32, Ints, requant_constants, requantize_sum, trimmed_sum
from codesign.ir import Add, AvgPool, MaxPool, Node, Requant
from codesign.ir.geometry import Pair, Window, pair
from codesign.ir.nodes.base import per_channel
from codesign.train.layers.edges import Edge, IntEdge, QuantModule, QuantReLU, Raw
from codesign.train.layers.ste import affine, columns, requantize


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
    """Mean of each window, rounded half up by the requantizer: of its input's type and scale, or of `activation`."""

    def __init__(
        self, name: str, source: str, size: int | Pair, stride: int | Pair, activation: QuantReLU | None = None
    ) -> None:
        super().__init__(name, source, size, stride)
        self.activation = activation

    def requant(self, x: IntEdge) -> Requant:
        """The requantizer that divides a window's sum by its size."""
        ratio, kind = (
            (1.0, x.kind) if self.activation is None else (x.scale / self.activation.scale, self.activation.kind)
        )
        mult, bias, shift = requant_constants(
            np.full(x.value.shape[1], ratio / self.window.area), 0.0, f"layer {self.name}"
        )
        return Requant(mult, bias, shift, kind)

    def forward(self, x: Edge) -> Edge:
        total = functional.avg_pool2d(x.value, self.size, self.stride, divisor_override=1)
        none = total.new_zeros(())
        if self.activation is not None:
            edge: Edge = self.activation(total, none, x.const / self.window.area, *x.clip)
            return edge
        kind = (float(x.kind.lo), float(x.kind.hi), 1)
        return x._replace(value=requantize(total, none, total.new_ones(()), kind, 1 / self.window.area))

    def integers(self, x: IntEdge) -> IntEdge:
        """The same by the integer contract."""
        y = functional.avg_pool2d(torch.from_numpy(x.value).double(), self.size, self.stride, divisor_override=1)
        q = self.requant(x)
        scale = x.scale if self.activation is None else self.activation.scale
        return IntEdge(q(y.numpy().astype(np.int64)), scale, q.out)

    def nodes(self, reads: tuple[str, ...], x: IntEdge) -> tuple[Node, ...]:
        """Its node."""
        return (AvgPool(self.name, reads[0], self.size, self.stride, self.requant(x)),)


class QuantAdd(QuantModule):
    """Residual sum of two edges, then the activation. One of them may be raw accumulators, which enter it unrounded.

    gains: constants, one per channel (or feature): what `source` and `other` are multiplied by, and what is added to
    the sum; absent: 1, 1 and 0.
    """

    gain: Tensor | None
    other_gain: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        name: str,
        source: str,
        other: str,
        activation: QuantReLU,
        gains: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__(name, source, other)
        self.activation = activation
        for field, values in zip(("gain", "other_gain", "bias"), gains or (None, None, None), strict=True):
            self.register_buffer(field, values)

    def constants(self, x: IntEdge, y: IntEdge) -> tuple[Requant, Ints]:
        """The requantizer of `x` and the multipliers of `y`, one per channel; converters' trims are not undone."""
        channels, after = x.value.shape[1], self.activation.scale
        bias = 0.0 if self.bias is None else self.bias.double().cpu().numpy()
        scales, reserve = [], []
        for edge, gain in ((x, self.gain), (y, self.other_gain)):
            of = edge.raw or Raw(np.full(channels, edge.scale), np.zeros(channels))
            gains = 1.0 if gain is None else gain.double().cpu().numpy()
            scales.append(gains * (of.scale / after))
            reserve += [of.reserve] * channels
            bias = bias + gains * of.bias
        both, twice = np.concatenate(scales), np.resize(bias / after, 2 * channels)
        mult, add, shift = requant_constants(both, twice, f"layer {self.name}", reserve)
        return Requant(mult[:channels], add[:channels], shift, self.activation.kind), mult[channels:]

    def forward(self, x: Edge, y: Edge) -> Edge:
        none = x.value.new_zeros(())
        first, second = (e.value if e.kind == INT32 else affine(e.value, none, e.const, *e.clip) for e in (x, y))
        if self.gain is not None and self.other_gain is not None:
            first = first * columns(self.gain, first)
            second = second * columns(self.other_gain, second)
        edge: Edge = self.activation(first + second, none if self.bias is None else self.bias, 1.0)
        return edge

    def integers(self, x: IntEdge, y: IntEdge) -> IntEdge:
        """The same by the integer contract."""
        q, other = self.constants(x, y)
        first, second, add, shift = q.mult, other, q.bias, q.shift
        if x.raw:
            second, first, add, shift = self._trimmed(x.raw, first, second, q)
        elif y.raw:
            first, second, add, shift = self._trimmed(y.raw, second, first, q)
        mult, other, bias = (per_channel(v, x.value) for v in (first, second, add))
        value = requantize_sum(x.value, mult, y.value, other, bias, shift, q.out)
        return IntEdge(value, self.activation.scale, q.out)

    def _trimmed(self, raw: Raw, mult: Ints, other: Ints, q: Requant) -> tuple[Ints, Ints, Ints, int]:
        """(other, mult, bias, shift) that undo the trim of converters; `mult` is that of the raw edge."""
        rest, mult, bias, shift = trimmed_sum(mult, other, q.bias, q.shift, raw.trim, self.name, raw.reserve)
        assert rest is not None
        return rest, mult, bias, shift

    def nodes(self, reads: tuple[str, ...], x: IntEdge, y: IntEdge) -> tuple[Node, ...]:
        """Its node."""
        requant, other = self.constants(x, y)
        source, second = reads
        return (Add(self.name, source, second, other, requant),)
