"""A scale of its own for every input feature: for tables, whose columns come in different units."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from codesign.errors import UnsupportedError
from codesign.frontend.graph import Graph, Matrix


def scaled(graph: Graph, x: NDArray[np.generic]) -> Graph:
    """The same graph with inputs divided by each feature's largest magnitude in x; first weights make up for it.

    A feature that is always 0 keeps scale 1. Raises UnsupportedError unless linear layers alone read the inputs.
    """
    readers = [op for op in graph.ops if "input" in op.sources]
    other = next((op for op in readers if not isinstance(op, Matrix) or op.window is not None), None)
    if len(graph.shape) != 1 or other is not None:
        name = (other or readers[0]).path or (other or readers[0]).name
        raise UnsupportedError(
            f'model: {name} reads the inputs with one scale, input_scale="feature" needs a linear layer there; '
            'leave it out, or use "set"'
        )
    real = x.reshape(len(x), -1).astype(np.float64)
    if graph.offset:
        real = real - np.repeat(np.array(graph.offset), real.shape[1] // len(graph.offset))
    largest = np.abs(real).max(axis=0)
    scales = np.where(largest > 0, largest, 1.0)
    ops = tuple(
        replace(op, weight=op.weight * scales) if isinstance(op, Matrix) and op.source == "input" else op
        for op in graph.ops
    )
    return replace(graph, ops=ops, scales=tuple(scales.tolist()), gain=graph.gain * scales)


def sized(graph: Graph) -> tuple[Graph, float]:
    """The same graph with first weights about as large as in the module, and what its inputs are divided by for that.

    A normalization of bytes folds into weights a hundred times smaller, which no learning rate for the module suits.
    The divisor is a power of two, so that nothing is rounded.
    """
    gains = np.abs(graph.gain[graph.gain != 0])
    readers = [op for op in graph.ops if "input" in op.sources]
    if not len(gains) or not all(isinstance(op, Matrix) for op in readers):
        return graph, 1.0
    unit = float(np.exp2(-np.round(np.log2(np.median(gains)))))
    ops = tuple(
        replace(op, weight=op.weight * unit) if isinstance(op, Matrix) and op.source == "input" else op
        for op in graph.ops
    )
    scales = tuple(unit * s for s in graph.scales or (1.0,)) if unit != 1 else graph.scales
    return replace(graph, ops=ops, scales=scales), unit
