"""Requantizer constants lose the factors of two they share with the shift."""

from dataclasses import replace

from codesign.ir import Network
from codesign.ir.graph import Node

NAME = "small-constants"


def run(network: Network) -> Network:
    """Halve multipliers and biases while all are even, one shift less each time.

    (acc * m + b + 2^(s-1)) >> s equals (acc * m/2 + b/2 + 2^(s-2)) >> (s-1) when m and b are even, also at
    s = 1, where the odd rounding term is dropped by the shift. Smaller multipliers leave room for range trims.
    """
    return replace(network, nodes=tuple(_halve(n) for n in network.nodes))


def _halve(node: Node) -> Node:
    q = node.requant
    mult, bias, shift = q.mult, q.bias, q.shift
    while shift > 0 and not (mult & 1).any() and not (bias & 1).any():
        mult, bias, shift = mult >> 1, bias >> 1, shift - 1
    return replace(node, requant=replace(q, mult=mult, bias=bias, shift=shift))
