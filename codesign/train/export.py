"""A trained model as the integer network: the same numbers, without torch."""

import numpy as np

from codesign.fixed import IntType
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant, verify
from codesign.train.layers.matrix import IntEdge, QuantLayer
from codesign.train.layers.pooling import QuantAdd, QuantAvgPool, QuantMaxPool
from codesign.train.nets.quantized import QuantNet


def export(model: QuantNet, name: str) -> Network:
    """The integers of `model`; running them equals `model.eval()` on every input, converters aside.

    Layers trained through converters carry the trim; the chip's reference applies it, the untiled one sums exactly.
    Raises InputError naming the layer whose weights are NaN, infinite or real.
    """
    shape = model.shape if len(model.shape) == 3 else ()
    nodes: list[Node] = []
    edges: dict[str, IntEdge] = {"input": IntEdge(np.zeros((1, *model.shape), np.int64), model.step, model.input)}
    names = {"input": "input"}  # node that holds each layer's result
    for key, layer in model.layers.items():
        sources = [edges[s] for s in layer.sources]  # type: ignore[union-attr]
        read = [names[s] for s in layer.sources]  # type: ignore[union-attr]
        names[key] = key
        if isinstance(layer, QuantLayer):
            nodes.append(_matrix(layer, read[0], sources[0].step, sources[0].kind))
            if layer.pool > 1:
                names[key] = f"{key}_pool"
                nodes.append(MaxPool(names[key], key, layer.pool, layer.pool))
        elif isinstance(layer, QuantMaxPool):
            nodes.append(MaxPool(key, read[0], layer.size, layer.stride))
        elif isinstance(layer, QuantAvgPool):
            channels = sources[0].value.shape[1]
            nodes.append(AvgPool(key, read[0], layer.size, layer.stride, layer.requant(sources[0].kind, channels)))
        elif isinstance(layer, QuantAdd):
            requant, other = layer.constants(*sources)
            nodes.append(Add(key, read[0], read[1], other, requant))
        edges[key] = layer.integers(*sources)  # type: ignore[operator]
    return verify(Network(name, model.features, model.input, tuple(nodes), model.step, shape))


def _matrix(layer: QuantLayer, source: str, step: float, kind: IntType) -> Linear | Conv:
    codes = layer.codes().numpy().astype(np.int32)  # first: refuses real weights
    requant: Requant = layer.requant(step, kind)
    trim = layer.converters.trim if layer.converters else None
    if layer.window is None:
        weight = np.ascontiguousarray(codes.T)  # (inputs, outputs)
        return Linear(layer.name, source, weight, requant, trim)
    w = layer.window
    return Conv(layer.name, source, codes, requant, w.stride, w.padding, w.groups, trim)
