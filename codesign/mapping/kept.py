"""What the activation memory still holds when the last word of an image has left: for a look at a stopped chip."""

from dataclasses import dataclass

import numpy as np

from codesign.brief import Brief
from codesign.fixed import Ints
from codesign.mapping.mapping import Mapping


@dataclass(frozen=True)
class Kept(Brief):
    """Activations of a layer that no later step writes over: `values` of them from activation `first` on.

    step counts from 0. edge is the layer's own name, or that of the pooling, or sum, behind it. Value k is that of
    channel k modulo `channels`: all channels of a pixel lie side by side.
    """

    step: int
    layer: str
    edge: str
    first: int
    values: int
    channels: int
    signed: bool


def kept(mapping: Mapping) -> tuple[Kept, ...]:
    """The layers whose activations a chip still holds after an image, in the order of the steps."""
    found: list[Kept] = []
    for k, (step, layer) in enumerate(zip(mapping.steps, mapping.layers, strict=True)):
        if step.raw:
            continue
        size = layer.size
        new = Kept(k, step.layer, size.gives, step.write, size.values, size.outputs, step.out.signed)
        found = [old for old in found if _apart(old, new)] + [new]
    return tuple(found)


def in_memory(edge: Ints) -> Ints:
    """Values of an edge, (images, channels) or (images, channels, height, width), as memory has them: (images, values).

    A chip's words leave in the same order.
    """
    rows = edge if edge.ndim == 2 else edge.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(rows).reshape(len(edge), -1)


def _apart(a: Kept, b: Kept) -> bool:
    return a.first + a.values <= b.first or b.first + b.values <= a.first
