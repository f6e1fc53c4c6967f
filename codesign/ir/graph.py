"""Nodes of the integer network. Every edge is an integer tensor with a known type."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import INT32, Ints, IntType


@dataclass(frozen=True, eq=False)
class Requant:
    """Per-column scaling of an accumulator: `clamp((acc * mult + bias + 2^(shift-1)) >> shift)` to `out`.

    The last node of a network has mult 1, shift 0 and out int32: raw accumulators plus bias.
    """

    mult: Ints  # (columns,) signed 16 bit
    bias: Ints  # (columns,) signed 32 bit
    shift: int  # 0..31
    out: IntType

    @property
    def is_raw(self) -> bool:
        """Whether accumulators leave the network here."""
        return self.out == INT32


@dataclass(frozen=True, eq=False)
class Linear:
    """`requantize(x @ weight)`. weight is (inputs, outputs), in conductance codes: differences of two cells."""

    name: str
    source: str  # the node it reads; "input" is the network's input
    weight: NDArray[np.int32]
    requant: Requant

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[1])


Node = Linear  # grows into a union as layer kinds are added


@dataclass(frozen=True, eq=False)
class Network:
    """A network of integers: nodes in execution order; the last one is the output.

    `step` is the real value of one input integer (for users; the arithmetic never needs it).
    """

    name: str
    features: int
    input: IntType
    nodes: tuple[Node, ...]
    step: float = 1.0

    @property
    def outputs(self) -> int:
        return self.nodes[-1].outputs

    def type_of(self, source: str) -> IntType:
        """Integer type of the edge that leaves `source`."""
        if source == "input":
            return self.input
        return next(n.requant.out for n in self.nodes if n.name == source)
