"""Networks whose every weight is another number, so that a weight tells where the user's model has it."""

from dataclasses import replace

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, IntType
from codesign.ir import Conv, Linear, Network, Requant, verify

TINY = Chip.load("tiny")
FINE = TINY.model_copy(  # holds -255..255
    update={
        "device": TINY.device.model_copy(update={"levels": 256, "code_bits": 8}),
        "arrays": TINY.arrays.model_copy(update={"count": 12}),
    }
)
U4 = IntType(4)

Weights = dict[tuple[str, ...], int]  # by the names of layer, output, input (and y, x), as in fc1[3, 17]


def named_network(seed: int) -> Network:
    """Three or four linear layers, each of the hidden ones with dead units; one more layer that is not read.

    Weights other than 0 are different numbers in -255..255.
    """
    rng = np.random.default_rng(seed)
    hidden = [int(n) for n in (rng.integers(7, 10, 2) if seed % 2 else rng.integers(6, 8, 3))]
    widths = {"input": 9}
    values = iter((np.arange(1, 256) * rng.choice([-1, 1], 255)).tolist())
    nodes: list[Linear] = []
    for k, outputs in enumerate([*hidden, 3]):
        name, source = f"fc{k + 1}", f"fc{k}" if k else "input"
        weight = np.array([next(values) for _ in range(widths[source] * outputs)]).reshape(-1, outputs)
        weight[rng.random(weight.shape) < 0.1] = 0
        if nodes:
            weight[rng.permutation(len(weight))[: int(rng.integers(1, 3))]] = 0  # its source's unread units
        if k < len(hidden):
            weight[:, rng.permutation(outputs)[: int(rng.integers(1, 3))]] = 0  # constant units
            requant = Requant(rng.integers(1, 9, outputs), rng.integers(0, 200, outputs), 5, U4)
        else:
            requant = Requant(np.ones(outputs, np.int64), rng.integers(-99, 99, outputs), 0, INT32)
        nodes.append(Linear(name, source, weight.astype(np.int32), requant))
        widths[name] = outputs
    side = Linear("side", "fc1", np.ones((widths["fc1"], 2), np.int32), replace(nodes[0].requant))
    side = replace(side, requant=Requant(np.ones(2, np.int64), np.zeros(2, np.int64), 0, U4))
    return verify(Network("named", 9, U4, (nodes[0], side, *nodes[1:])))


def told_apart(network: Network) -> Network:
    """The same network, whose weights other than 0 are 1, 2, 3 and so on."""
    nodes, last = [], 0
    for node in network.nodes:
        if isinstance(node, Linear | Conv):
            weight, held = node.weight.copy(), node.weight != 0
            weight[held] = np.arange(last + 1, last + 1 + held.sum())
            last += int(held.sum())
            node = replace(node, weight=weight)
        nodes.append(node)
    return verify(replace(network, nodes=tuple(nodes)))


def torch_weights(network: Network) -> Weights:
    """Every weight by layer and index, as `layer.weight[index]` in PyTorch: outputs first."""
    found: Weights = {}
    for node in network.nodes:
        if isinstance(node, Linear | Conv):
            weight = node.weight.T if isinstance(node, Linear) else node.weight
            found |= {(node.name, *map(str, at)): int(weight[at]) for at in np.ndindex(weight.shape)}
    return found
