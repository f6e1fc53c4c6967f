"""Which operations of a file are which kind of layer, and the nodes that they become."""

import numpy as np

from codesign.fixed import Ints
from codesign.frontend.onnx.flow import Edge, Mean, Product
from codesign.ir import AvgPool, Conv, Linear, MaxPool, Node, Requant
from codesign.ir.geometry import Window
from codesign.ir.nodes.matrix import by_input

MATRICES = ("MatMul", "Gemm", "Conv")
LARGEST = ("MaxPool", "GlobalMaxPool")
MEANS = ("AveragePool", "GlobalAveragePool", "ReduceMean")
MOVES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
ENDS = ("Softmax", "LogSoftmax", "ArgMax", "Sigmoid")  # keep the order of the scores
QUANTIZERS = ("Quant", "BipolarQuant", "MultiThreshold", "Sign", "Trunc")


def node_of(draft: Product | Mean, name: str, requant: Requant) -> Node:
    """A product or a mean as a node of the integer network."""
    source, window = draft.edge.name, draft.window
    if isinstance(draft, Mean):
        return AvgPool(name, source, draft.window.size, draft.window.stride, requant)
    if window is None:
        return Linear(name, source, by_input(draft.weight), requant)
    weight: Ints = np.ascontiguousarray(draft.weight)
    return Conv(name, source, weight.astype(np.int32), requant, window.stride, window.padding, draft.groups)


def largest_of(edge: Edge, name: str, window: Window) -> Node:
    """Max pooling of an edge."""
    return MaxPool(name, edge.name, window.size, window.stride)
