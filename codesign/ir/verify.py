"""Legality of an integer network, checked after export and after every pass."""

import numpy as np

from codesign.errors import InputError
from codesign.fixed import BIAS_BITS, MAX_SHIFT, MULT_BITS, IntType
from codesign.ir.graph import Network, Node


def verify(network: Network) -> Network:
    """The same network. Raises InputError on the first node that breaks a rule."""
    if not network.nodes:
        raise InputError(f"network {network.name}: has no layers; add at least one linear layer")
    if network.input.bits > 8:
        raise InputError(f"network {network.name}: input type must have 1..8 bits, got {network.input}")
    widths = {"input": network.features}
    for node in network.nodes:
        if node.name in widths:
            raise InputError(f"layer {node.name}: the name is used twice; give every layer its own")
        if node.source not in widths:
            raise InputError(f"layer {node.name}: reads {node.source!r}, which is not computed before it")
        _verify_node(node, widths[node.source])
        widths[node.name] = node.outputs
        if node is not network.nodes[-1] and node.requant.is_raw:
            raise InputError(f"layer {node.name}: only the last layer may leave raw accumulators")
    if not network.nodes[-1].requant.is_raw:
        raise InputError(f"layer {network.nodes[-1].name}: the last layer must leave raw accumulators")
    return network


def _verify_node(node: Node, width: int) -> None:
    q = node.requant
    if node.weight.ndim != 2 or 0 in node.weight.shape:
        raise InputError(f"layer {node.name}: weight must be (inputs, outputs), got shape {node.weight.shape}")
    if node.inputs != width:
        raise InputError(f"layer {node.name}: has {node.inputs} inputs but {node.source} gives {width}")
    if not np.issubdtype(node.weight.dtype, np.integer):
        raise InputError(f"layer {node.name}: weights must be integers, got {node.weight.dtype}")
    for label, values, bits in (("mult", q.mult, MULT_BITS), ("bias", q.bias, BIAS_BITS)):
        whole = isinstance(values, np.ndarray) and np.issubdtype(values.dtype, np.integer)
        if not whole or values.shape != (node.outputs,) or not IntType(bits, True).holds(values):
            came = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            if whole:
                came += f", {values.min()}..{values.max()}" if values.size else ""
            elif isinstance(values, np.ndarray):
                came += f" of {values.dtype}"
            raise InputError(
                f"layer {node.name}: {label} must be {node.outputs} signed {bits}-bit integers, got {came}"
            )
    if not 0 <= q.shift <= MAX_SHIFT:
        raise InputError(f"layer {node.name}: shift must be 0..{MAX_SHIFT}, got {q.shift}")
    if q.is_raw and (q.shift or (q.mult != 1).any()):
        raise InputError(f"layer {node.name}: a raw output must have mult 1 and shift 0")
    if not q.is_raw and q.out.bits > 8:
        raise InputError(f"layer {node.name}: activations must have 1..8 bits, got {q.out}")
