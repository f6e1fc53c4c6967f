"""The network as short, stable text, for goldens and bug reports."""

import zlib

import numpy as np

from codesign.brief import runs, times
from codesign.ir.graph import Network
from codesign.ir.nodes import Conv, Linear, Node
from codesign.ir.table import tensors


def show(network: Network) -> str:
    """One line per node, with a checksum of every tensor."""
    form = f" ({times(network.shape)})" if network.shape else ""
    lines = [f"network {network.name}: {network.features}{form} x {network.input}"]
    lines += [f"  {n.name} = {n.kind}({', '.join(n.sources)}) {_facts(n, network)}" for n in network.nodes]
    return "\n".join(lines) + "\n"


def _facts(node: Node, network: Network) -> str:
    """Sizes, range of the weights, scaling, the user's numbers of units, type of the output, and a checksum."""
    facts = [node.facts] if node.facts else []
    held = tensors(node)
    if "weight" in held:
        facts.append(f"weights {held['weight'].min()}..{held['weight'].max()}")
    if node.scaling:
        facts.append(f"shift {node.scaling.shift}")
    units = getattr(node, "units", None)
    if units is not None:
        facts.append(f"units {runs(units)}")
    trim = getattr(node, "trim", None)
    if trim:
        facts.append(f"trim {trim.gain}>>{trim.shift}")  # (current * gain) >> shift
    if isinstance(node, Linear | Conv):
        facts += [f"slices {node.slices}"] if node.slices > 1 else []
        facts += [f"cut {node.cut}"] if node.cut else []
    facts.append(f"-> {network.type_of(node.name)}")
    if held:
        facts.append(f"#{zlib.crc32(b''.join(np.ascontiguousarray(t).tobytes() for t in held.values())):08x}")
    return " ".join(facts)
