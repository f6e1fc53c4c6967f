"""What a program gives for some inputs: its words, the activations of every layer, where each of them is made."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.fixed import Ints
from codesign.ir import Network
from codesign.ir.run import check_inputs
from codesign.mapping import Kept, in_memory, kept, layers, stream
from codesign.program import Program


@dataclass(frozen=True)
class Place:
    """Where a value is made: output `number` of a layer, and the arrays and signed column that its codes come from.

    arrays are the first and the last of the run whose codes are added, None for a layer without a matrix. number is
    the user's. The column is that of the least significant slice.
    """

    layer: str
    number: int
    arrays: tuple[int, int] | None
    column: int | None

    def __str__(self) -> str:
        """One word, such as fc1[3]/array2/column17 or fc1[3]/arrays0-6/column17."""
        unit = f"{name_of(self.layer)}[{self.number}]"
        if self.arrays is None:
            return unit
        first, last = self.arrays
        return f"{unit}/array{f's{first}-{last}' if last > first else last}/column{self.column}"


@dataclass(frozen=True, eq=False)
class LayerAnswers(Brief):
    """What a step of the chip gives for every image.

    values is (images, values) in the order in which the chip writes or sends them: all channels of a pixel side by
    side. kept tells where they stay in the activation memory until the image is done; None if they do not.
    """

    step: int  # from 0
    layer: str
    edge: str  # the layer, or the pooling or sum behind it
    bits: int  # of a value
    values: Ints
    places: tuple[Place, ...]  # of each channel
    kept: Kept | None

    @property
    def name(self) -> str:
        """Of its files: its number and its edge."""
        return f"{self.step + 1:02d}_{name_of(self.edge)}"

    def place(self, value: int) -> Place:
        """Where a value is made."""
        return self.places[value % len(self.places)]


@dataclass(frozen=True, eq=False)
class Answers(Brief):
    """The answers of a program to `images` (images, features); the last layer's are the words of the chip."""

    program: Program
    images: Ints
    layers: tuple[LayerAnswers, ...]

    @property
    def words(self) -> Ints:
        """(images, outputs) in the order in which they leave the chip."""
        return self.layers[-1].values

    @cached_property
    def latency(self) -> int:
        """Cycles from the last input beat of an image that meets an idle chip to its last word."""
        (arrives,), (leaves,) = stream(self.program.mapping, 1)
        return leaves - arrives


def answers(program: Program, images: NDArray[np.generic]) -> Answers:
    """The answers of a program to integer images (images, features). Raises InputError as `Program.run`."""
    x = check_inputs(images, program.network)
    if len(x) == 0:
        raise InputError("vectors: no images were given; pass at least one")
    mapping = program.mapping
    edges = layers(mapping, x)
    stays = {k.step: k for k in kept(mapping)}
    found = []
    for k, (step, layer) in enumerate(zip(mapping.steps, mapping.layers, strict=True)):
        edge, channels = layer.size.gives, layer.size.outputs
        places = tuple(place_of(program, k, c) for c in range(channels))
        found.append(LayerAnswers(k, step.layer, edge, step.out.bits, in_memory(edges[edge]), places, stays.get(k)))
    return Answers(program, x, tuple(found))


def place_of(program: Program, step: int, channel: int) -> Place:
    """Where a channel of a step's layer is made."""
    mapping = program.mapping
    planned, lanes = mapping.steps[step], mapping.chip.adc.lanes
    number = int(program.network.numbers_of(mapping.layers[step].size.gives)[channel])
    for tile in planned.tiles:
        if tile.terms and tile.column <= channel < tile.column + tile.columns:
            block = planned.blocks[tile.terms[0].block]
            column = (planned.first_group + tile.terms[0].group) * lanes + channel - tile.column
            return Place(planned.layer, number, (block.arrays[0], block.arrays[-1]), column)
    return Place(planned.layer, number, None, None)


def sample_inputs(network: Network, count: int, seed: int = 0) -> Ints:
    """`count` inputs (count, features): all lowest, all highest, then random ones, half of whose values are 0."""
    rng, kind = np.random.default_rng(seed), network.input
    x = rng.integers(kind.lo, kind.hi + 1, (count, network.features))
    x[rng.random(x.shape) < 0.5] = min(max(0, kind.lo), kind.hi)
    x[:1], x[1:2] = kind.lo, kind.hi
    return x


def name_of(layer: str) -> str:
    """A layer's name as one plain word, for files and transcripts."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", layer)
