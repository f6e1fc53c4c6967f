"""The integer network. Every edge is an integer tensor with a known type and shape."""

import math
from dataclasses import dataclass
from functools import cached_property

from codesign.fixed import IntType
from codesign.ir.geometry import Shape
from codesign.ir.nodes import Node


@dataclass(frozen=True, eq=False)
class Network:
    """A network of integers: nodes in execution order; the last one is the output.

    `step` is the real value of one input integer (for users; the arithmetic never needs it). `shape` is
    (channels, height, width) of an input image whose row-major values are a row of `features`, or () when a
    row has no such form.
    """

    name: str
    features: int
    input: IntType
    nodes: tuple[Node, ...]
    step: float = 1.0
    shape: Shape = ()

    @property
    def outputs(self) -> int:
        """Values of one output row."""
        return math.prod(self.shape_of(self.nodes[-1].name))

    def type_of(self, source: str) -> IntType:
        """Integer type, and range, of the edge that leaves `source`."""
        nodes = {n.name: n for n in self.nodes}
        while source != "input":
            scaling = nodes[source].scaling
            if scaling is not None:
                return scaling.out
            source = nodes[source].source
        return self.input

    def shape_of(self, source: str) -> Shape:
        """Shape of one image on the edge that leaves `source`: (features,) or (channels, height, width)."""
        return self._shapes[source]

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        shapes = {"input": self.shape or (self.features,)}
        for n in self.nodes:
            shapes[n.name] = n.shape(*(shapes[s] for s in n.sources))
        return shapes
