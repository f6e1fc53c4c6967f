"""The integer network in Python's own unbounded integers, one loop per index, written from the contract."""

from itertools import product
from typing import Any

import numpy as np

from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant
from codesign.ir.geometry import Pair

Values = np.ndarray[Any, Any]  # of Python integers


def plain(network: Network, row: list[int]) -> list[int]:
    """Outputs of one image."""
    edges = {"input": np.array(row, object).reshape(network.shape or network.features)}
    for n in network.nodes:
        edges[n.name] = _value(n, [edges[s] for s in n.sources])
    result: list[int] = edges[network.nodes[-1].name].tolist()
    return result


def _value(node: Node, read: list[Values]) -> Values:
    x = read[0]
    match node:
        case Linear():
            flat = x.ravel().tolist()
            acc = [sum(v * int(w) for v, w in zip(flat, column, strict=True)) for column in node.weight.T]
            return _scaled(np.array(acc, object), node.requant)
        case Conv():
            return _scaled(convolved(x, node), node.requant)
        case MaxPool():
            (above, beside), lowest = node.padding, float("-inf")  # what lies outside never wins
            padded = np.pad(x, ((0, 0), (above, above), (beside, beside)), constant_values=lowest)
            return _pooled(padded, node.size, node.stride, max)
        case AvgPool():
            return _scaled(_pooled(x, node.size, node.stride, sum), node.requant)
        case Add():
            other = np.empty_like(x)
            for at in np.ndindex(x.shape):
                other[at] = read[1][at] * int(node.other_mult[at[0]])
            return _scaled(x, node.requant, other)


def convolved(x: Values, node: Conv) -> Values:
    outputs, inputs, kernel_h, kernel_w = node.weight.shape
    (down, across), (above, beside) = node.stride, node.padding
    height = (x.shape[1] + 2 * above - kernel_h) // down + 1
    width = (x.shape[2] + 2 * beside - kernel_w) // across + 1
    acc = np.zeros((outputs, height, width), object)
    for o, h, w, c, i, j in np.ndindex(outputs, height, width, inputs, kernel_h, kernel_w):
        row, column = h * down + i - above, w * across + j - beside
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            channel = o // (outputs // node.groups) * inputs + c
            acc[o, h, w] += int(x[channel, row, column]) * int(node.weight[o, c, i, j])
    return acc


def _pooled(x: Values, size: Pair, stride: Pair, combine: Any) -> Values:
    (rows, columns), (down, across) = size, stride
    height, width = (x.shape[1] - rows) // down + 1, (x.shape[2] - columns) // across + 1
    result = np.empty((len(x), height, width), object)
    for c, h, w in np.ndindex(result.shape):
        result[c, h, w] = combine(x[c, h * down + i, w * across + j] for i, j in product(range(rows), range(columns)))
    return result


def _scaled(acc: Values, q: Requant, other: Values | None = None) -> Values:
    result = np.empty_like(acc)
    for at in np.ndindex(acc.shape):
        value = acc[at] * int(q.mult[at[0]]) + int(q.bias[at[0]]) + (0 if other is None else other[at])
        if q.shift:
            value = (value + 2 ** (q.shift - 1)) // 2**q.shift
        result[at] = max(q.out.lo, min(q.out.hi, value))
    return result
