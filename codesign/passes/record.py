"""Which units and layers are missing after passes, and why, by the names that users know."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codesign.account import Removed
from codesign.fixed import Ints
from codesign.ir import Linear, Network
from codesign.ir.nodes import Conv


def removed(before: Network, after: Network) -> tuple[Removed, ...]:
    """What `rewrite` removed: whole layers, and units, in the order of the layers.

    A unit is "constant" when no input of the network changes it, else "unread".
    """
    left = {n.name for n in after.nodes}
    fixed = _constant(before)
    found = []
    for node in before.nodes:
        channels = before.shape_of(node.name)[0]
        if node.name not in left:
            found.append(Removed(node.name, (), channels, "unread"))
        elif isinstance(node, Linear | Conv):
            numbers = before.numbers_of(node.name)
            gone = ~np.isin(numbers, after.numbers_of(node.name))
            found += _told(node.name, numbers[gone & fixed[node.name]], channels, "constant")
            found += _told(node.name, numbers[gone & ~fixed[node.name]], channels, "unread")
    return tuple(found)


def _told(layer: str, units: Ints, of: int, why: Literal["constant", "unread"]) -> list[Removed]:
    return [Removed(layer, tuple(units.tolist()), of, why)] if len(units) else []


def _constant(network: Network) -> dict[str, NDArray[np.bool_]]:
    """Which channels (or features) of every edge are the same for every input.

    Of images, only those that their layer's range or weights make so: padding mixes zeros with any constant.
    """
    found = {"input": np.zeros(network.shape_of("input")[0], bool)}
    for node in network.nodes:
        shape, scaling = network.shape_of(node.name), node.scaling
        fixed = np.full(shape[0], scaling is not None and scaling.out.lo == scaling.out.hi)
        if isinstance(node, Linear):
            pixels = node.inputs // len(found[node.source])
            changing = ~np.repeat(found[node.source], pixels)
            fixed |= ~node.weight[changing].any(axis=0)
        found[node.name] = fixed
    return found
