"""The kinds of nodes: one vocabulary for running, printing, verifying, storing and exporting."""

from codesign.ir.nodes.add import Add
from codesign.ir.nodes.base import Reader, Requant
from codesign.ir.nodes.matrix import Conv, Linear
from codesign.ir.nodes.pools import AvgPool, MaxPool

Node = Linear | Conv | MaxPool | AvgPool | Add
KINDS: dict[str, type[Node]] = {node.kind: node for node in (Linear, Conv, MaxPool, AvgPool, Add)}

__all__ = ["KINDS", "Add", "AvgPool", "Conv", "Linear", "MaxPool", "Node", "Reader", "Requant"]
