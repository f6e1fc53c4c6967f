"""Remove hidden layers and units that nothing reads, and units that never change."""

from dataclasses import replace
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import BIAS_BITS, IntType, requantize
from codesign.ir import Linear, Network, Node

NAME = "dead-units"


def apply(network: Network) -> Network:
    """Remove hidden layers and units without readers; fold units that never change into their readers' biases.

    A unit never changes when its weights are all 0, or when its layer's range is one value.

    Outputs stay equal for every input: a constant c adds c * weight to each reader's accumulator, which is
    c * weight * mult in its bias. A layer keeps its constants where that would overflow a bias, and it keeps
    at least one unit. Repeats until nothing is left to remove: what only dead units read is dead, what reads
    only constants is constant. Units are removed from linear layers that only linear layers read. A reader with a
    trim keeps its inputs: which of them share an array's converters is part of what it was trained with.
    """
    network = _reached(network)
    while (smaller := _pruned(network)) is not network:
        network = smaller
    return network


def _reached(network: Network) -> Network:
    """The network without layers that the output does not depend on."""
    needed = {network.nodes[-1].name}
    for node in reversed(network.nodes):
        if node.name in needed:
            needed.update(node.sources)
    return replace(network, nodes=tuple(n for n in network.nodes if n.name in needed))


def _pruned(network: Network) -> Network:
    """Visits every layer once, in order; returns the same object when there is nothing to remove."""
    nodes, changed = list(network.nodes), False
    for k in range(len(nodes) - 1):
        node = nodes[k]  # as the layers before have left it
        readers = {j: n for j, n in enumerate(nodes) if node.name in n.sources}
        if not isinstance(node, Linear) or not _gives_way(readers):
            continue
        outgoing = np.concatenate([reader.weight for reader in readers.values()], axis=1)
        q = node.requant
        constant: NDArray[np.bool_] = np.asarray(~node.weight.any(axis=0) | (q.out.lo == q.out.hi))
        value = requantize(np.zeros(node.outputs, np.int64), q.mult, q.bias, q.shift, q.out)
        folded = {j: _bias(reader, np.where(constant, value, 0)) for j, reader in readers.items()}
        if not all(IntType(BIAS_BITS, True).holds(b) for b in folded.values()):
            constant[:] = False
        dead: NDArray[np.bool_] = np.asarray(constant | ~outgoing.any(axis=1))
        if dead.all():
            dead[0] = False
            constant[0] = False
        if not dead.any():
            continue
        changed = True
        keep = np.flatnonzero(~dead)
        nodes[k] = node.keeping(keep)
        for j, reader in readers.items():
            bias = _bias(reader, np.where(constant, value, 0))
            nodes[j] = replace(reader, weight=reader.weight[keep], requant=replace(reader.requant, bias=bias))
    return replace(network, nodes=tuple(nodes)) if changed else network


def _gives_way(readers: dict[int, Node]) -> TypeGuard[dict[int, Linear]]:
    """Whether every reader can do with fewer inputs."""
    return all(isinstance(n, Linear) and n.trim is None for n in readers.values())


def _bias(reader: Linear, constants: np.ndarray) -> np.ndarray:
    q = reader.requant
    return q.bias + constants @ reader.weight.astype(np.int64) * q.mult
