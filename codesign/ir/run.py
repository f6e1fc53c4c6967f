"""The untiled integer reference: the meaning of a network, without arrays and converters."""

import math

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import as_array
from codesign.errors import InputError
from codesign.fixed import Ints
from codesign.ir.graph import Network

VALUES = 1 << 23  # that `run` holds at once, over all edges: 64 MiB


def check_inputs(x: NDArray[np.generic], network: Network) -> Ints:
    """`x` as (images, features) int64.

    Raises InputError when the network cannot take the shape, the dtype or the range.
    """
    where = f"inputs of network {network.name}"
    a = as_array(x, where)
    if a.ndim != 2 or a.shape[1] != network.features:
        raise InputError(
            f"{where}: shape must be (images, {network.features}), got {tuple(a.shape)}; flatten each image to one row"
        )
    if not np.issubdtype(a.dtype, np.integer):
        raise InputError(
            f"{where}: dtype must be an integer, got {a.dtype}; quantize real numbers first: "
            "network.quantize(x), program.quantize(x), or --real on the command line"
        )
    if not network.input.holds(a):
        kind = network.input
        raise InputError(
            f"{where}: values must lie in {kind.lo}..{kind.hi} ({kind}), got {int(a.min())}..{int(a.max())}; "
            "clip or rescale them"
        )
    return a.astype(np.int64)


def run(network: Network, x: NDArray[np.generic]) -> Ints:
    """Outputs (images, outputs) of integer inputs (images, features); an image is a row of its row-major values.

    So are outputs that are pictures: channel by channel.
    """
    rows, last = check_inputs(x, network), network.nodes[-1].name
    values = sum(math.prod(network.shape_of(n)) for n in ("input", *(n.name for n in network.nodes)))
    images = max(1, VALUES // values)
    parts = [_edges(network, rows[k : k + images])[last] for k in range(0, max(1, len(rows)), images)]
    return np.concatenate(parts).reshape(len(rows), network.outputs)


def edges(network: Network, x: NDArray[np.generic]) -> dict[str, Ints]:
    """Like `run`, but returns every edge by name: (images, features) or (images, channels, height, width)."""
    return _edges(network, check_inputs(x, network))


def _edges(network: Network, rows: Ints) -> dict[str, Ints]:
    found = {"input": rows.reshape(len(rows), *network.shape_of("input"))}
    for node in network.nodes:
        found[node.name] = node.value(*(found[s] for s in node.sources))
    return found
