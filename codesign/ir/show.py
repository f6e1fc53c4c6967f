"""The network as short, stable text: goldens and bug reports use it."""

import zlib

import numpy as np

from codesign.ir.graph import Network


def show(network: Network) -> str:
    """One line per node, with a checksum of every tensor."""
    lines = [f"network {network.name}: {network.features} x {network.input}"]
    for n in network.nodes:
        q = n.requant
        digest = zlib.crc32(np.ascontiguousarray(n.weight, dtype="<i4").tobytes())
        digest = zlib.crc32(np.asarray([*q.mult.tolist(), *q.bias.tolist()], dtype="<i8").tobytes(), digest)
        lines.append(
            f"  {n.name} = linear({n.source}) {n.inputs}x{n.outputs} weights {n.weight.min()}..{n.weight.max()} "
            f"shift {q.shift} -> {q.out} #{digest:08x}"
        )
    return "\n".join(lines) + "\n"
