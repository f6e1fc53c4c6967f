"""The untiled integer reference: what the network means, with no arrays and no converters."""

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.fixed import Ints, requantize
from codesign.ir.graph import Network


def check_inputs(x: NDArray[np.generic], network: Network) -> Ints:
    """`x` as (images, features) int64.

    Raises InputError when the shape, the dtype or the range is not what the network takes.
    """
    a = np.asarray(x)
    where = f"inputs of network {network.name}"
    if a.ndim != 2 or a.shape[1] != network.features:
        raise InputError(
            f"{where}: shape must be (images, {network.features}), got {tuple(a.shape)}; flatten each image to one row"
        )
    if not np.issubdtype(a.dtype, np.integer):
        raise InputError(
            f"{where}: dtype must be an integer, got {a.dtype}; quantize first (one step is {network.step:g})"
        )
    if not network.input.holds(a):
        kind = network.input
        raise InputError(
            f"{where}: values must lie in {kind.lo}..{kind.hi} ({kind}), got {int(a.min())}..{int(a.max())}; "
            "clip or rescale them"
        )
    return a.astype(np.int64)


def matmul_exact(x: NDArray[np.generic], w: NDArray[np.generic]) -> Ints:
    """Exact integer product through floating-point GEMM, in the narrowest float that cannot round."""
    top = float(np.abs(x).max(initial=0)) * float(np.abs(w).sum(axis=0).max(initial=0))
    if top < 2**24:
        return (x.astype(np.float32) @ w.astype(np.float32)).astype(np.int64)
    if top < 2**53:
        return (x.astype(np.float64) @ w.astype(np.float64)).astype(np.int64)
    return x.astype(np.int64) @ w.astype(np.int64)


def run(network: Network, x: NDArray[np.generic]) -> Ints:
    """Outputs (images, outputs) of integer inputs (images, features)."""
    edges: dict[str, Ints] = {"input": check_inputs(x, network)}
    for node in network.nodes:
        q = node.requant
        acc = matmul_exact(edges[node.source], node.weight)
        edges[node.name] = requantize(acc, q.mult, q.bias, q.shift, q.out)
    return edges[network.nodes[-1].name]
