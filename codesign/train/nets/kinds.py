"""Builders of each kind of layer without cells: quantized, and at full precision for the baseline."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from codesign.ir.geometry import Window
from codesign.train.layers.edges import QuantModule, QuantReLU
from codesign.train.layers.pooling import QuantAdd, QuantAvgPool, QuantMaxPool
from codesign.train.nets import architecture as arch


class Makers(NamedTuple):
    """Functions from a layer of an architecture to its two modules."""

    quantized: Callable[[Any, Callable[[], QuantReLU]], QuantModule]  # the second makes its activation
    baseline: Callable[[Any], nn.Module]


class Sum(nn.Module):
    """Residual sum and ReLU."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return functional.relu(x + y)


MAKERS: dict[type[arch.Layer], Makers] = {
    arch.MaxPool: Makers(
        lambda spec, _: QuantMaxPool(spec.name, spec.source, spec.size, spec.stride),
        lambda spec: nn.MaxPool2d(spec.size, spec.stride),
    ),
    arch.AvgPool: Makers(
        lambda spec, _: QuantAvgPool(spec.name, spec.source, spec.size, spec.stride),
        lambda spec: nn.AvgPool2d(spec.size, spec.stride),
    ),
    arch.Add: Makers(
        lambda spec, activation: QuantAdd(spec.name, spec.source, spec.other, activation()),
        lambda _: Sum(),
    ),
}


def pooled(name: str, source: str, window: Window, largest: bool, activation: QuantReLU | None = None) -> QuantModule:
    """The largest value of each window, or its mean; `activation`, of a mean only, gives it a type of its own."""
    if largest:
        return QuantMaxPool(name, source, window.size, window.stride)
    return QuantAvgPool(name, source, window.size, window.stride, activation)
