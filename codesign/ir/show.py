"""The network as short, stable text: goldens and bug reports use it."""

import zlib

import numpy as np
from numpy.typing import NDArray

from codesign.brief import times
from codesign.ir.graph import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant


def show(network: Network) -> str:
    """One line per node, with a checksum of every tensor."""
    form = f" ({times(network.shape)})" if network.shape else ""
    lines = [f"network {network.name}: {network.features}{form} x {network.input}"]
    lines += [f"  {n.name} = {n.kind}({', '.join(n.sources)}) {_facts(n, network)}" for n in network.nodes]
    return "\n".join(lines) + "\n"


def _facts(node: Node, network: Network) -> str:
    match node:
        case Linear():
            return f"{node.inputs}x{node.outputs} {_weighted(node)}"
        case Conv():
            form = f"stride {node.stride} padding {node.padding} groups {node.groups}"
            return f"{times(node.weight.shape)} {form} {_weighted(node)}"
        case MaxPool():
            return f"{node.size}x{node.size} stride {node.stride} -> {network.type_of(node.name)}"
        case AvgPool():
            return f"{node.size}x{node.size} stride {node.stride} {_scaled(node.requant)}"
        case Add():
            return _scaled(node.requant, _bytes(node.other_mult, "<i8"))


def _weighted(node: Linear | Conv) -> str:
    trim = f" trim {node.trim.gain}>>{node.trim.shift}" if node.trim else ""  # (current * gain) >> shift
    scaled = _scaled(node.requant, _bytes(node.weight, "<i4"), trim)
    return f"weights {node.weight.min()}..{node.weight.max()} {scaled}"


def _scaled(q: Requant, tensors: bytes = b"", trim: str = "") -> str:
    digest = zlib.crc32(tensors + _bytes(q.mult, "<i8") + _bytes(q.bias, "<i8"))
    return f"shift {q.shift}{trim} -> {q.out} #{digest:08x}"


def _bytes(values: NDArray[np.generic], dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype=dtype).tobytes()
