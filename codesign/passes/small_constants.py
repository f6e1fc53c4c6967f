"""Divide requantizer constants by the powers of two that they share with the shift."""

from dataclasses import replace

from codesign.ir import Add, Conv, Linear, MaxPool, Network, Node

NAME = "small-constants"


def apply(network: Network) -> Network:
    """Halve multipliers and biases while all are even, one shift less each time.

    (acc * m + b + 2^(s-1)) >> s equals (acc * m/2 + b/2 + 2^(s-2)) >> (s-1) when m and b are even, also at
    s = 1, where the odd rounding term is dropped by the shift; so does a sum with two multipliers. Smaller
    multipliers leave room for range trims. A layer with a trim keeps its constants: it needs no room, and what
    undoes the trim rounds as in training only from the same constants.
    """
    return replace(network, nodes=tuple(_halve(n) for n in network.nodes))


def _halve(node: Node) -> Node:
    if isinstance(node, MaxPool) or (isinstance(node, Linear | Conv) and node.trim is not None):
        return node
    q = node.requant
    constants = [q.mult, q.bias] + ([node.other_mult] if isinstance(node, Add) else [])
    halvings = 0
    while halvings < q.shift and not any(((c >> halvings) & 1).any() for c in constants):
        halvings += 1
    requant = replace(q, mult=q.mult >> halvings, bias=q.bias >> halvings, shift=q.shift - halvings)
    if isinstance(node, Add):
        return replace(node, requant=requant, other_mult=node.other_mult >> halvings)
    return replace(node, requant=requant)
