"""A network seen from the chip: the size of each layer's matrix, what it reads, and what it gives. No weights."""

import math
from dataclasses import dataclass

from codesign.brief import Brief
from codesign.errors import UnsupportedError
from codesign.fixed import INT32, IntType
from codesign.ir.geometry import Pair, Shape, Window
from codesign.ir.nodes import KINDS


@dataclass(frozen=True)
class Places(Brief):
    """Where a convolution reads: every position of a window over a picture is a pass over the layer's matrix.

    pool: max pooling of so many results (height, width) that lie side by side and become one.
    """

    picture: Shape  # (channels, height, width) that is read
    window: Window
    pool: Pair = (1, 1)

    @property
    def pixels(self) -> Pair:
        """(height, width) of the picture that is written."""
        height, width = self.window.positions(self.picture)
        return height // self.pool[0], width // self.pool[1]

    @property
    def count(self) -> int:
        """Positions that are computed; those past the last whole pooling window are not."""
        return math.prod(self.pixels) * math.prod(self.pool)


@dataclass(frozen=True)
class Part(Brief):
    """The channels that a part of a layer reads, from the first on, and those of its picture that it gives.

    It is a block of convolution groups, or some channels where there is no matrix. of: channels of the whole layer.
    """

    reads: int
    channels: int
    gives: int
    of: int


@dataclass(frozen=True)
class LayerSize(Brief):
    """A layer's matrix of (inputs, outputs), fed by the edge `source` (or "input"), giving integers of type `out`.

    slices: pairs of cells that hold a weight. cut: the wordline of an array that its first row must lie on; None: any.
    places: of a convolution; absent, the matrix is passed once. gives: the edge that it writes, where that is not its
    own but that of the pooling, or of the sum, behind it. other: a second edge that is added to its results. A layer of
    0 inputs has no matrix: it combines the values of its windows channel by channel, or those of two edges. groups: of
    a convolution, whose matrix holds no weight where a channel of one group meets an output of another. part: of the
    picture, what one of the parts that the layer is computed in reads and gives (`mapping.parts`).
    """

    name: str
    source: str
    inputs: int
    outputs: int
    out: IntType
    slices: int = 1
    cut: int | None = None
    places: Places | None = None
    gives: str = ""
    other: str = ""
    joins: str = "add"  # how the values of a window join without a matrix: add or max
    groups: int = 1
    part: Part | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gives", self.gives or self.name)

    @property
    def cells(self) -> int:
        """Cells that hold weights, two a weight and slice."""
        return 2 * self.inputs * self.outputs * self.slices // self.groups

    @property
    def channels(self) -> int:
        """Of the edge that it gives, of which a part gives some."""
        return self.part.of if self.part else self.outputs

    @property
    def raw(self) -> bool:
        """Whether the results leave the chip."""
        return self.out == INT32

    @property
    def is_vector(self) -> bool:
        """Whether it has no matrix."""
        return not self.inputs

    @property
    def sources(self) -> tuple[str, ...]:
        """The edges that it reads."""
        return (self.source, self.other) if self.other else (self.source,)

    @property
    def values(self) -> int:
        """Values that it gives for an image."""
        return self.outputs * self.pixels

    @property
    def pixels(self) -> int:
        """Of the picture that it gives; 1 if it gives none."""
        return math.prod(self.places.pixels) if self.places else 1


@dataclass(frozen=True)
class Outline(Brief):
    """What decides where a network lies on a chip and how long it takes: all but its weights."""

    name: str
    features: int
    input: IntType
    layers: tuple[LayerSize, ...]

    @property
    def cells(self) -> int:
        """Cells that hold weights."""
        return sum(n.cells for n in self.layers)

    @property
    def matrices(self) -> tuple[LayerSize, ...]:
        """The layers that have a matrix."""
        return tuple(n for n in self.layers if not n.is_vector)


def not_taken(layer: str, kind: str, which: str = "") -> UnsupportedError:
    """The error for a layer of a `kind` that the compiler cannot map to a chip; `which` of its kind it is."""
    return UnsupportedError(
        f"layer {layer}: the compiler cannot map {KINDS[kind].plural}{which and f' {which}'} to a chip yet; "
        "run the network with codesign.ir.run, or train one without"
    )
