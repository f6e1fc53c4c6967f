"""Divide requantizer constants by the powers of two that they share with the shift."""

from dataclasses import replace
from typing import Any

from codesign.ir import Add, Conv, Linear, Network, Node

NAME = "small-constants"


def apply(network: Network) -> Network:
    """Halve multipliers and biases while all are even, one shift less each time.

    (acc * m + b + 2^(s-1)) >> s equals (acc * m/2 + b/2 + 2^(s-2)) >> (s-1) when m and b are even, also at
    s = 1, where the odd rounding term is dropped by the shift; so does a sum with two multipliers. Smaller
    multipliers leave room for range trims. A layer with a trim keeps its constants, and so does a sum of its raw
    accumulators: it needs no room, and what undoes the trim rounds as in training only from the same constants.
    """
    ranged = [n for n in network.nodes if isinstance(n, Linear | Conv) and n.trim is not None]
    kept = {n.name for n in ranged}
    raw = {n.name for n in ranged if n.requant.is_raw}
    kept |= {n.name for n in network.nodes if isinstance(n, Add) and raw & set(n.sources)}
    return replace(network, nodes=tuple(n if n.name in kept else _halve(n) for n in network.nodes))


def _halve(node: Node) -> Node:
    q = node.scaling
    if q is None:
        return node
    constants = [q.mult, q.bias, *node.multipliers.values()]
    halvings = 0
    while halvings < q.shift and not any(((c >> halvings) & 1).any() for c in constants):
        halvings += 1
    changes: dict[str, Any] = {field: mult >> halvings for field, mult in node.multipliers.items()}
    changes["requant"] = replace(q, mult=q.mult >> halvings, bias=q.bias >> halvings, shift=q.shift - halvings)
    return replace(node, **changes)
