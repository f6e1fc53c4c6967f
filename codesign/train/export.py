"""A trained model as the integer network: the same numbers, without torch."""

import numpy as np

from codesign.ir import Network, Node, verify
from codesign.train.layers.edges import IntEdge
from codesign.train.nets.quantized import QuantNet


def export(model: QuantNet, name: str) -> Network:
    """The integers of `model`; running them equals `model.eval()` on every input, converters aside.

    Layers trained through converters carry the trim; the chip's reference applies it, the untiled one sums exactly.
    Raises InputError naming the layer whose weights are NaN, infinite or real.
    """
    shape = model.shape if len(model.shape) == 3 else ()
    nodes: list[Node] = []
    edges: dict[str, IntEdge] = {"input": IntEdge(np.zeros((1, *model.shape), np.int64), model.scale, model.input)}
    names = {"input": "input"}  # node that holds each layer's result
    for layer in model.in_order:
        read = [edges[s] for s in layer.sources]
        nodes += layer.nodes(tuple(names[s] for s in layer.sources), *read)
        names[layer.name] = nodes[-1].name
        edges[layer.name] = layer.integers(*read)
    return verify(Network(name, model.features, model.input, tuple(nodes), model.scale, shape))
