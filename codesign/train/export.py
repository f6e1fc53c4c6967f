"""A trained model as the integer network: the same numbers, without torch."""

import numpy as np

from codesign.ir import Linear, Network, verify
from codesign.train.models import QuantNet


def export(model: QuantNet, name: str) -> Network:
    """The integers of `model`; running them equals `model.eval()` on every input.

    Raises InputError naming the layer whose weights are NaN or infinite.
    """
    nodes, source, step = [], "input", model.step
    for layer in model.chain:
        requant = layer.requant(step)
        weight = np.ascontiguousarray(layer.codes().numpy().T.astype(np.int32))  # (inputs, outputs)
        nodes.append(Linear(layer.name, source, weight, requant))
        source, step = layer.name, layer.activation.step if layer.activation else 1.0
    return verify(Network(name, model.features, model.input, tuple(nodes), model.step))
