"""Checks that a node's sizes suit the edges that it reads; limits of a network's size."""

import math

from codesign.brief import times
from codesign.errors import InputError
from codesign.ir.geometry import Shape
from codesign.ir.nodes import Node

MAX_WEIGHTS = 1 << 29  # of a network: the capacity of the largest chip that can be described
MAX_VALUES = 1 << 24  # of one image on any edge: with 16-bit weights and multipliers, every product stays below 2^63


def check_sizes(node: Node, shapes: dict[str, Shape]) -> Shape:
    """The shape of the edge that leaves `node`, from the shapes of the edges it reads.

    Raises InputError on the first size, weight or trim that breaks a rule.
    """
    sources = [shapes[s] for s in node.sources]
    node.check(*sources)
    shape = node.shape(*sources)
    if math.prod(shape) > MAX_VALUES:
        raise InputError(
            f"layer {node.name}: gives {times(shape)} values per image, at most {MAX_VALUES} are allowed; "
            "use fewer outputs or a larger stride"
        )
    return shape
