"""Nodes of the integer network. Every edge is an integer tensor with a known type and shape."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief, html_table, times
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.folders import writing

Shape = tuple[int, ...]  # of one image: (features,) or (channels, height, width)


@dataclass(frozen=True, eq=False)
class Requant(Brief):
    """Scaling of an accumulator: `clamp((acc * mult + bias + 2^(shift-1)) >> shift)` to lo..hi of `out`.

    mult and bias are per channel: a column of a linear layer, a channel of an image. lo..hi is any range inside the
    type: 0 below is a ReLU, -1..1 a narrow signed 2-bit activation. The last node of a network has mult 1, shift 0
    and out int32: raw accumulators plus bias.
    """

    mult: Ints  # (channels,) signed 16 bit
    bias: Ints  # (channels,) signed 32 bit
    shift: int  # 0..31
    out: IntType

    @property
    def is_raw(self) -> bool:
        """Whether accumulators leave the network here."""
        return self.out == INT32


@dataclass(frozen=True, eq=False)
class _Reader(Brief):
    """What every node has: a name, and the edge it reads."""

    kind: ClassVar[str]  # in printed networks, files and messages

    name: str
    source: str  # the node it reads; "input" is the network's input

    @property
    def sources(self) -> tuple[str, ...]:
        """Every edge that the node reads."""
        return (self.source,)


@dataclass(frozen=True, eq=False)
class Linear(_Reader):
    """`requantize(x @ weight)`. weight is (inputs, outputs), in conductance codes: differences of two cells.

    An image is read flat: row-major channels, height, width. trim is the converter range that the layer was
    trained with (absent: the compiler chooses one); the untiled reference has no converters and ignores it.
    """

    kind = "linear"

    weight: NDArray[np.int32]
    requant: Requant
    trim: Trim | None = None

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[1])

    def shape(self, _source: Shape) -> Shape:
        """Shape of the edge that leaves."""
        return (self.outputs,)


@dataclass(frozen=True, eq=False)
class Conv(_Reader):
    """`requantize(convolution)`. weight is (outputs, inputs // groups, kernel_h, kernel_w), as `Linear`'s codes.

    A cross-correlation, as in every training framework: the kernel is not flipped. padding zeros surround the
    image on all four sides, whether 0 lies in the range of the edge it reads or not; output group g reads input
    group g only.
    """

    kind = "conv"

    weight: NDArray[np.int32]
    requant: Requant
    stride: int = 1
    padding: int = 0
    groups: int = 1
    trim: Trim | None = None

    @property
    def inputs(self) -> int:
        """Channels read."""
        return int(self.weight.shape[1]) * self.groups

    @property
    def outputs(self) -> int:
        """Channels made."""
        return int(self.weight.shape[0])

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    def shape(self, source: Shape) -> Shape:
        """Shape of the edge that leaves."""
        _, *image = source
        steps = (positions(n + 2 * self.padding, k, self.stride) for n, k in zip(image, self.kernel, strict=True))
        return (self.outputs, *steps)


@dataclass(frozen=True, eq=False)
class _Pool(_Reader):
    size: int  # of the square window
    stride: int

    def shape(self, source: Shape) -> Shape:
        """Shape of the edge that leaves."""
        channels, *image = source
        return (channels, *(positions(n, self.size, self.stride) for n in image))


@dataclass(frozen=True, eq=False)
class MaxPool(_Pool):
    """The largest value of each window, channel by channel; the integer type and its range stay."""

    kind = "maxpool"


@dataclass(frozen=True, eq=False)
class AvgPool(_Pool):
    """`requantize(sum over each window)`, channel by channel; the division is in the multiplier."""

    kind = "avgpool"

    requant: Requant


@dataclass(frozen=True, eq=False)
class Add(_Reader):
    """Residual sum of two edges of one shape: `requantize_sum(source, mult, other, other_mult, ...)` per channel."""

    kind = "add"

    other: str
    other_mult: Ints  # (channels,) signed 16 bit
    requant: Requant

    @property
    def sources(self) -> tuple[str, ...]:
        """Every edge that the node reads."""
        return (self.source, self.other)

    def shape(self, source: Shape, _other: Shape) -> Shape:
        """Shape of the edge that leaves."""
        return source


Node = Linear | Conv | MaxPool | AvgPool | Add


@dataclass(frozen=True, eq=False)
class Network(Brief):
    """A network of integers: nodes in execution order; the last one is the output. Printing it shows every node.

    `step` is the real value of one input integer (for users; the arithmetic never needs it). `shape` is
    (channels, height, width) of an input image whose row-major values are a row of `features`, or () when a
    row has no such form.

    Usage, with the network of a `program` and its integer inputs `x`:

    >>> network = program.network
    >>> network
    Network(net0: 30 x u8, 2 nodes, 385 weights)
    >>> print(network)
    network net0: 30 x u8
      fc1 = linear(input) 30x11 weights -3..3 shift 14 -> u8 #4edac28c
      fc2 = linear(fc1) 11x5 weights -3..3 shift 0 -> i32 #4916e55f
    <BLANKLINE>
    >>> bool((network.run(x) == program.run(x)).all())  # no converter clips here
    True
    """

    name: str
    features: int
    input: IntType
    nodes: tuple[Node, ...]
    step: float = 1.0
    shape: Shape = ()

    def run(self, x: NDArray[np.generic]) -> Ints:
        """Outputs (images, outputs) of integer inputs (images, features): exact, with no arrays and no converters.

        Raises InputError on inputs of the wrong shape, dtype or range.
        """
        from codesign import ir

        return ir.run(self, x)

    def save(self, path: str | Path) -> Path:
        """Write one .safetensors file, making its folder: integers only, same network, same bytes.

        Raises OutputError when the file cannot be written; an older one is as before then.
        """
        from codesign import ir

        file = Path(path)
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            ir.save(self, file)
        return file

    @classmethod
    def load(cls, path: str | Path) -> "Network":
        """Inverse of `save`, verified.

        Raises ImageError when the file is damaged or of another kind, InputError when its network breaks a rule.

        Usage, with a `network`:

        >>> import codesign
        >>> codesign.Network.load(network.save("build/net.safetensors"))
        Network(net0: 30 x u8, 2 nodes, 385 weights)
        """
        from codesign import ir

        return ir.load(path)

    def _brief(self) -> str:
        size = times(self.shape or (self.features,))
        weights = sum(n.weight.size for n in self.nodes if isinstance(n, Linear | Conv))
        return f"{self.name}: {size} x {self.input}, {len(self.nodes)} nodes, {weights:,} weights"

    def __str__(self) -> str:
        from codesign import ir

        return ir.show(self)

    def _repr_html_(self) -> str:
        """For notebooks: a row for every node."""
        rows = [(n.name, n.kind, ", ".join(n.sources), times(self.shape_of(n.name))) for n in self.nodes]
        return html_table(f"network {self._brief()}", rows, ("node", "kind", "reads", "gives"))

    @property
    def outputs(self) -> int:
        """Values of one output row."""
        return math.prod(self.shape_of(self.nodes[-1].name))

    def type_of(self, source: str) -> IntType:
        """Integer type, and range, of the edge that leaves `source`."""
        nodes = {n.name: n for n in self.nodes}
        while source != "input":
            node = nodes[source]
            if not isinstance(node, MaxPool):
                return node.requant.out
            source = node.source
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


def positions(length: int, size: int, stride: int) -> int:
    """How many windows of `size` fit into `length`, `stride` apart."""
    return (length - size) // stride + 1
