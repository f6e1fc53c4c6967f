"""The untiled integer reference: what the network means, with no arrays and no converters."""

import math

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import as_array
from codesign.errors import InputError
from codesign.fixed import Ints, requantize, requantize_sum
from codesign.ir.exact import convolve_exact, matmul_exact, pool
from codesign.ir.graph import Add, AvgPool, Conv, Linear, MaxPool, Network, Node

VALUES = 1 << 23  # of all edges together that `run` holds at once: 64 MiB


def check_inputs(x: NDArray[np.generic], network: Network) -> Ints:
    """`x` as (images, features) int64.

    Raises InputError when the shape, the dtype or the range is not what the network takes.
    """
    where = f"inputs of network {network.name}"
    a = as_array(x, where)
    if a.ndim != 2 or a.shape[1] != network.features:
        raise InputError(
            f"{where}: shape must be (images, {network.features}), got {tuple(a.shape)}; flatten each image to one row"
        )
    if not np.issubdtype(a.dtype, np.integer):
        raise InputError(
            f"{where}: dtype must be an integer, got {a.dtype}; give whole steps of {network.step:g}, which is "
            f"network.step: np.floor(x / step + 0.5).clip({network.input.lo}, {network.input.hi}).astype(int)"
        )
    if not network.input.holds(a):
        kind = network.input
        raise InputError(
            f"{where}: values must lie in {kind.lo}..{kind.hi} ({kind}), got {int(a.min())}..{int(a.max())}; "
            "clip or rescale them"
        )
    return a.astype(np.int64)


def run(network: Network, x: NDArray[np.generic]) -> Ints:
    """Outputs (images, outputs) of integer inputs (images, features); an image is its row-major values."""
    rows, last = check_inputs(x, network), network.nodes[-1].name
    values = sum(math.prod(network.shape_of(n)) for n in ("input", *(n.name for n in network.nodes)))
    images = max(1, VALUES // values)
    parts = [_edges(network, rows[k : k + images])[last] for k in range(0, max(1, len(rows)), images)]
    return np.concatenate(parts)


def edges(network: Network, x: NDArray[np.generic]) -> dict[str, Ints]:
    """Like `run`, with every edge by name: (images, features) or (images, channels, height, width)."""
    return _edges(network, check_inputs(x, network))


def _edges(network: Network, rows: Ints) -> dict[str, Ints]:
    found = {"input": rows.reshape(len(rows), *network.shape_of("input"))}
    for node in network.nodes:
        found[node.name] = _value(node, found)
    return found


def _value(node: Node, found: dict[str, Ints]) -> Ints:
    """What a node makes of the edges it reads."""
    x = found[node.source]
    match node:
        case MaxPool():
            return pool(x, node.size, node.stride, np.maximum)
        case Add():
            q = node.requant
            mult, other_mult, bias = (_per_channel(v, x) for v in (q.mult, node.other_mult, q.bias))
            return requantize_sum(x, mult, found[node.other], other_mult, bias, q.shift, q.out)
        case Linear():
            acc = matmul_exact(x.reshape(len(x), node.inputs), node.weight)
        case Conv():
            acc = convolve_exact(x, node)
        case AvgPool():
            acc = pool(x, node.size, node.stride, np.add)
    q = node.requant
    return requantize(acc, _per_channel(q.mult, acc), _per_channel(q.bias, acc), q.shift, q.out)


def _per_channel(constants: Ints, values: Ints) -> Ints:
    """Constants of channels (or features), shaped to meet `values` (images, channels, ...)."""
    return constants.reshape(-1, *(1,) * (values.ndim - 2))
