"""A part of a placed network: up to a layer whose raw accumulators leave the chip, all cells where they are."""

from collections import Counter
from dataclasses import replace

import numpy as np

from codesign.errors import InputError
from codesign.fixed import INT32, Trim
from codesign.ir import Conv, Linear, Network, Requant
from codesign.mapping.layer import Matrix
from codesign.mapping.mapping import Mapping
from codesign.mapping.place import place


def until(mapping: Mapping, layer: str) -> tuple[Mapping, tuple[str, ...]]:
    """The mapping whose last step is that of `layer`, raw; and the nodes behind it that its step would have computed.

    What remains lies in the same cells, read with the same ranges, so that chips and dies can be compared layer by
    layer. Its words are the layer's accumulators: sums of codes, times the whole number nearest to what a code stands
    for. Pooling, or a sum, that is computed together with the layer is left out.

    Raises InputError when there is no such layer, or it has no weights.
    """
    _check(mapping, layer)
    network, found = mapping.network, next(n for n in mapping.layers if n.name == layer)
    if layer == mapping.layers[-1].name:
        return mapping, ()
    behind = (found.pool, found.add if isinstance(found, Matrix) else None)
    cut = _cut(network, layer)
    names = {n.name for n in cut.nodes}
    trims = {s.layer: s.trim for s in mapping.steps if s.layer in names}
    if trims[layer].gain >= 2 << trims[layer].shift:  # not a whole number of accumulator units
        trims[layer] = Trim()
    spots = {k: v for k, v in mapping.plan.spots.items() if k in names}
    placed = place(cut, mapping.chip, trims, spots=spots)
    uses = {u.array: u.offset for u in mapping.arrays}
    arrays = tuple(replace(u, offset=uses[u.array]) for u in placed.arrays)
    return replace(placed, arrays=arrays), tuple(n.name for n in behind if n is not None)


def ends(mapping: Mapping) -> tuple[str, ...]:
    """The layers that a program may be cut behind, in the order of the steps."""
    steps = _steps(mapping)
    return tuple(name for name, count in steps.items() if count == 1)


def _steps(mapping: Mapping) -> Counter[str]:
    """How many steps each layer with weights takes: a convolution in groups, one for each block of groups."""
    return Counter(n.name for n in mapping.layers if isinstance(n, Matrix))


def _check(mapping: Mapping, layer: str) -> None:
    known, steps = ends(mapping), _steps(mapping)
    if layer in known:
        return
    if layer in steps:
        raise InputError(
            f"until: layer {layer} takes {steps[layer]} steps, one for each block of its groups, and words leave from "
            f"one alone; end with one of {', '.join(known)}"
        )
    advice = f"end with one that has: {', '.join(known)}"
    for n in mapping.layers:
        if layer != n.name and layer == n.size.gives:
            raise InputError(f"until: {layer} is computed together with layer {n.name}; end with {n.name}")
    if layer in {n.name for n in mapping.network.nodes}:
        raise InputError(f"until: layer {layer} has no weights of its own; {advice}")
    raise InputError(f"until: there is no layer {layer}; end with one of {', '.join(known)}")


def _cut(network: Network, layer: str) -> Network:
    """The nodes that `layer` needs, itself the last and raw."""
    needed, kept = {layer}, []
    for node in reversed(network.nodes):
        if node.name in needed:
            needed |= set(node.sources)
            kept.append(node)
    last = kept[0]
    assert isinstance(last, Linear | Conv)
    ones = np.ones(last.outputs, np.int64)
    kept[0] = replace(last, requant=Requant(ones, 0 * ones, 0, INT32), trim=None, cut=0)
    return replace(network, name=f"{network.name}.{layer}", nodes=tuple(reversed(kept)), output_step=1.0)
