"""Runs a real-valued graph: every edge, in float64."""

import numpy as np
import torch
from torch.nn import functional

from codesign.frontend.graph import Graph, Matrix, Op, Pool, Real, Sum

CHUNK = 256  # images at once in a convolution


def values(graph: Graph, x: Real) -> dict[str, Real]:
    """Output of every operation, by name, for inputs (images, ...) before `graph.offset` is subtracted.

    "input" is the input behind offset and scales, in the graph's shape.
    """
    images = np.asarray(x, np.float64).reshape(len(x), *graph.shape)
    count = len(graph.offset)
    if count:
        offset = np.repeat(np.array(graph.offset), images[0].size // count).reshape(graph.shape)
        images = images - offset
    if graph.scales:
        images = images / np.array(graph.scales).reshape(graph.shape)
    edges: dict[str, Real] = {"input": images}
    for op in graph.ops:
        read = [edges[s] for s in op.sources]
        edges[op.name] = value(op, *read)
    return edges


def before(op: Matrix, x: Real) -> Real:
    """What a matrix gives its act: outputs (images, outputs, ...) of x (images, ...)."""
    op = op.folded()
    if op.window is None:
        return np.asarray(x.reshape(len(x), -1) @ op.weight.T + op.bias)
    weight, bias = torch.from_numpy(op.weight), torch.from_numpy(op.bias)
    with torch.no_grad():
        parts = [
            functional.conv2d(
                torch.from_numpy(np.ascontiguousarray(x[k : k + CHUNK])),
                weight,
                bias,
                op.window.stride,
                op.window.padding,
                groups=op.groups,
            )
            for k in range(0, len(x), CHUNK)
        ]
    return np.asarray(torch.cat(parts).numpy())


def value(op: Op, x: Real, *rest: Real) -> Real:
    """What an operation makes of the edges that it reads, (images, ...) each."""
    match op:
        case Matrix():
            y = before(op, x)
        case Pool():
            t = torch.from_numpy(np.ascontiguousarray(x))
            combine = functional.max_pool2d if op.largest else functional.avg_pool2d
            y = combine(t, op.window.size, op.window.stride).numpy()
        case Sum():
            gain, other_gain, bias = (v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (op.gain, op.other_gain, op.bias))
            y = gain * x + other_gain * rest[0] + bias
    return np.asarray(y if op.act is None else op.act(y))
