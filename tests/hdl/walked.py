"""Programs that the bench of a block walks through: layers that share arrays, runs cut into loads, sliced weights."""

import os
from dataclasses import dataclass, replace

from codesign.chip.description import Chip
from codesign.fixed import IntType, Trim
from codesign.ir import verify
from codesign.mapping import Mapping, place
from tests.hdl.geometries import shaped
from tests.hdl.programs import net


@dataclass(frozen=True)
class Walk:
    """A chip, and the sizes and slices of the layers that are packed onto it."""

    chip: Chip
    sizes: list[int]
    slices: list[int]

    def mapping(self, input: IntType, hidden: IntType, trims: dict[str, Trim] | None = None) -> Mapping:
        """The layers, one after another, in as few arrays as the packer finds."""
        network = net(self.sizes, self.chip, input, hidden)
        nodes = []
        for node, slices in zip(network.nodes, self.slices, strict=True):
            q, room = node.requant, self.chip.device.levels ** (slices - 1)
            mult = q.mult // room if q.shift else q.mult  # as much as the multiplier of the highest slice takes
            nodes.append(replace(node, slices=slices, requant=replace(q, mult=mult)))
        return place(verify(replace(network, nodes=tuple(nodes))), self.chip, trims, "arrays")


MANY_LOADS = {"input_words": 45, "activation_words": 8, "steps": 16, "loads": 100, "tiles": 32, "constants": 64}

# Memory words as wide as the arrays, wider and narrower; 2, 1, 3 and 3 column groups; 1 to 40 arrays.
WALKS = {
    "tiny": Walk(Chip.load("tiny"), [24, 9, 4, 4, 3], [1, 2, 1, 1]),
    "one-array": Walk(shaped("one-array", 1, 24, 16, lanes=8), [20, 7], [1]),
    "wide-word": Walk(shaped("wide-word", 12, 24, 20, word=64), [20, 30, 9, 5], [1, 2, 2]),
    "narrow-word": Walk(
        shaped("narrow-word", 40, 15, 18, lanes=3, stream=3, word=4, memory=MANY_LOADS), [80, 7, 20, 3], [1, 2, 1]
    ),
}


def walk(input: IntType, hidden: IntType) -> Mapping:
    """In a bench: the walk that $WALK names."""
    return WALKS[os.environ["WALK"]].mapping(input, hidden)
