"""What users call units and weights: by the numbers of their own model, whatever passes have removed since.

Every name of a unit or a weight that a person or a file gets is made here. A unit is LAYER[OUTPUT]. A weight is
LAYER[OUTPUT, INPUT], or LAYER[OUTPUT, INPUT, Y, X] of a convolution: the index of `weight` in a PyTorch layer, outputs
first. Networks, mappings and arrays hold matrices (inputs, outputs) instead, and call these two places a row and a
column; once units are removed, places are no names.
"""

import math

from codesign.fixed import Ints
from codesign.ir.graph import Network
from codesign.ir.nodes import Conv, Linear


def unit(layer: str, output: int) -> str:
    """The name of a unit, from its number: fc1[3]."""
    return f"{layer}[{output}]"


def weight(layer: str, output: int, *place: int) -> str:
    """The name of a weight, from the numbers of its output and its input (of a convolution, also y and x)."""
    return f"{layer}[{', '.join(map(str, (output, *place)))}]"


def input_numbers(network: Network, layer: str) -> Ints:
    """The user's number of every row of a layer's `matrix`, (inputs,).

    A linear layer that reads an image reads it flat, channel after channel. In a convolution, a row's number is its
    place in the kernel (inputs // groups, height, width), flat.
    """
    node = _node(network, layer)
    return node.rows(network.numbers_of(node.source), network.shape_of(node.source))


def unit_name(network: Network, layer: str, column: int) -> str:
    """The name of the unit that a column of a layer's `matrix` computes."""
    return unit(layer, int(network.numbers_of(layer)[column]))


def weight_name(network: Network, layer: str, row: int, column: int) -> str:
    """The name of the weight in a row and a column of a layer's `matrix`."""
    node, number = _node(network, layer), int(input_numbers(network, layer)[row])
    kernel = node.kernel if isinstance(node, Conv) else None
    return weight_of(layer, int(network.numbers_of(layer)[column]), number, kernel)


def weight_of(layer: str, output: int, number: int, kernel: tuple[int, int] | None = None) -> str:
    """The name of a weight from the numbers of its output and of its row, which in a convolution is flat."""
    channel, pixel = divmod(number, math.prod(kernel or ()))
    return weight(layer, output, channel, *(divmod(pixel, kernel[1]) if kernel else ()))


def _node(network: Network, layer: str) -> Linear | Conv:
    """Raises KeyError when there is no such layer, or it has no weights."""
    return {n.name: n for n in network.nodes if isinstance(n, Linear | Conv)}[layer]
