"""The rules of an integer network, checked after export and after every pass."""

import math
from itertools import pairwise

import numpy as np

from codesign.brief import times
from codesign.errors import InputError, plain
from codesign.fixed import BIAS_BITS, MAX_SHIFT, MULT_BITS, Ints, IntType
from codesign.ir.geometry import Shape
from codesign.ir.graph import Network
from codesign.ir.nodes import Add, Conv, Linear, Node, Requant
from codesign.ir.nodes.base import Units
from codesign.ir.sizes import MAX_VALUES, MAX_WEIGHTS, check_sizes


def verify(network: Network) -> Network:
    """The network itself. Raises InputError on the first node that breaks a rule."""
    if not isinstance(network.name, str) or not network.name:
        raise InputError(f"network: name must be text, got {network.name!r}")
    if plain(network.name) != network.name:
        raise InputError(f"network {network.name!r}: the name holds control characters; choose another")
    if not network.nodes:
        raise InputError(f"network {network.name}: has no layers; add at least one linear layer")
    _verify_input(network)
    weights = sum(n.weight.size for n in network.nodes if isinstance(n, Linear | Conv))
    if weights > MAX_WEIGHTS:
        raise InputError(
            f"network {network.name}: has {weights} weights, at most {MAX_WEIGHTS} are allowed; use smaller layers"
        )
    shapes: dict[str, Shape] = {"input": network.shape or (network.features,)}
    types, units = {"input": network.input}, dict[str, Units](input=None)
    for node in network.nodes:
        if not isinstance(node.name, str) or not node.name:
            raise InputError(f"network {network.name}: a layer's name must be text, got {node.name!r}")
        if plain(node.name) != node.name:
            raise InputError(f"layer {node.name!r}: the name holds control characters; choose another")
        if node.name in shapes:
            raise InputError(f"layer {node.name}: the name is used twice; give every layer its own")
        for source in node.sources:
            if source not in shapes:
                raise InputError(f"layer {node.name}: reads {source!r}, which is not computed before it")
        shapes[node.name] = check_sizes(node, shapes)
        node.check_types(*(types[s] for s in node.sources))
        _verify_constants(node, shapes[node.name][0])
        types[node.name] = node.scaling.out if node.scaling else types[node.source]
        units[node.name] = _verify_units(node, units)
        if node is not network.nodes[-1] and node.scaling and node.scaling.is_raw:
            _verify_raw(node, network)
    _verify_last(network.nodes[-1])
    return network


def _verify_input(network: Network) -> None:
    where, shape = f"network {network.name}", network.shape
    if not isinstance(network.step, int | float) or not 0 < network.step < math.inf:
        raise InputError(f"{where}: step must be a finite number above 0, got {network.step!r}")
    if not isinstance(network.output_step, int | float) or not 0 < network.output_step < math.inf:
        raise InputError(f"{where}: output_step must be a finite number above 0, got {network.output_step!r}")
    if network.input.bits > 8:
        raise InputError(f"{where}: input type must have 1..8 bits, got {network.input}")
    if type(network.features) is not int or not 1 <= network.features <= MAX_VALUES:
        raise InputError(f"{where}: features must be 1..{MAX_VALUES}, got {network.features}")
    if shape and (len(shape) != 3 or any(type(n) is not int or n < 1 for n in shape)):
        raise InputError(f"{where}: shape must be (channels, height, width), each at least 1, got {shape}")
    if shape and math.prod(shape) != network.features:
        raise InputError(
            f"{where}: shape {times(shape)} has {math.prod(shape)} values, features is {network.features}; "
            "make them equal"
        )
    counts = {0, 1, network.features, *shape[:1]}
    for field, values in (("scales", network.scales), ("offset", network.offset)):
        if not isinstance(values, tuple) or len(values) not in counts:
            came = len(values) if isinstance(values, tuple) else type(values).__name__
            wanted = ", ".join(map(str, sorted(counts)))
            raise InputError(f"{where}: {field} must be a tuple of {wanted} numbers, got {came}")
        for value in values:
            if not math.isfinite(value) or (field == "scales" and value <= 0):
                least = " and above 0" if field == "scales" else ""
                raise InputError(f"{where}: {field} must be finite{least}, got {value!r}")
            if field == "scales" and not 0 < network.step * value < math.inf:
                raise InputError(
                    f"{where}: step * scales must be a finite number above 0, got {network.step!r} * {value!r}"
                )


def _verify_raw(node: Node, network: Network) -> None:
    """Raw accumulators leave the network, or enter one sum, which scales them."""
    readers = [n for n in network.nodes if node.name in n.sources]
    if not isinstance(node, Linear | Conv) or len(readers) != 1 or not isinstance(readers[0], Add):
        raise InputError(
            f"layer {node.name}: only the last layer may leave raw accumulators, or one that a residual sum alone reads"
        )
    add = readers[0]
    raw = [n for n in network.nodes if n.name in add.sources and n.scaling and n.scaling.is_raw]
    if len(raw) > 1 or add.source == add.other:
        raise InputError(f"layer {add.name}: adds {' and '.join(add.sources)}; at most one of them may be raw")
    if node.requant.bias.any():
        raise InputError(
            f"layer {node.name}: raw accumulators that {add.name} reads must have no bias; add it to that of {add.name}"
        )


def _verify_last(node: Node) -> None:
    if not isinstance(node, Linear | Conv):
        raise InputError(
            f"layer {node.name}: the last layer must be linear or a convolution, got {node.kind}; add a linear layer"
        )
    if not node.requant.is_raw:
        raise InputError(f"layer {node.name}: the last layer must leave raw accumulators")
    if node.trim is not None and node.trim.gain != 1:
        raise InputError(
            f"layer {node.name}: the last layer's trim must have gain 1, got {node.trim.gain}; "
            "raw outputs are scaled by whole numbers only"
        )


def _verify_units(node: Node, known: dict[str, Units]) -> Units:
    """The user's numbers of its outputs. Raises InputError where they are no numbering, or names would be ambiguous."""
    sources = [known[s] for s in node.sources]
    if isinstance(node, Linear | Conv) and node.units is not None and not _rising(node.units, node.outputs):
        raise InputError(
            f"layer {node.name}: units must be {node.outputs} rising integers in 0..{MAX_VALUES - 1}, one for every "
            "output, or None where none was removed"
        )
    if any(other != sources[0] for other in sources[1:]):
        raise InputError(
            f"layer {node.name}: reads {' and '.join(node.sources)}, whose units have different numbers; "
            "remove the same units from both"
        )
    if isinstance(node, Conv) and node.groups > 1 and sources[0] is not None:
        raise InputError(
            f"layer {node.name}: reads {node.source} in groups, some of whose units were removed; keep all of them"
        )
    return node.numbering(*sources)


def _rising(units: object, count: int) -> bool:
    """Whether these are as many numbers as there are outputs, each larger than the one before."""
    if not isinstance(units, tuple) or len(units) != count or any(type(n) is not int for n in units):
        return False
    return units[0] >= 0 and units[-1] < MAX_VALUES and all(a < b for a, b in pairwise(units))


def _verify_constants(node: Node, channels: int) -> None:
    if node.scaling:
        _verify_requant(node.name, node.scaling, channels)
    for label, values in node.multipliers.items():
        _verify_integers(node.name, label, values, channels, MULT_BITS)


def _verify_requant(name: str, q: Requant, channels: int) -> None:
    _verify_integers(name, "mult", q.mult, channels, MULT_BITS)
    _verify_integers(name, "bias", q.bias, channels, BIAS_BITS)
    if not 0 <= q.shift <= MAX_SHIFT:
        raise InputError(f"layer {name}: shift must be 0..{MAX_SHIFT}, got {q.shift}")
    if q.is_raw and (q.shift or (q.mult != 1).any()):
        raise InputError(f"layer {name}: a raw output must have mult 1 and shift 0")
    if not q.is_raw and q.out.bits > 8:
        raise InputError(f"layer {name}: activations must have 1..8 bits, got {q.out}")


def _verify_integers(name: str, label: str, values: Ints, count: int, bits: int) -> None:
    whole = isinstance(values, np.ndarray) and np.issubdtype(values.dtype, np.integer)
    if whole and values.shape == (count,) and IntType(bits, True).holds(values):
        return
    came = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
    if whole:
        came += f", {values.min()}..{values.max()}" if values.size else ""
    elif isinstance(values, np.ndarray):
        came += f" of {values.dtype}"
    raise InputError(f"layer {name}: {label} must be {count} signed {bits}-bit integers, got {came}")
