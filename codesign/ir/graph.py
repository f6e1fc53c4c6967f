"""The integer network. Every edge is an integer tensor with a known type and shape."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.brief import Brief, html_table, times
from codesign.fixed import Ints, IntType
from codesign.folders import writing
from codesign.ir.geometry import Shape
from codesign.ir.nodes import Conv, Linear, Node
from codesign.ir.nodes.base import Units


@dataclass(frozen=True, eq=False)
class Network(Brief):
    """A network of integers: nodes in execution order; the last one is the output. Printing it shows every node.

    `shape` is (channels, height, width) of an input image, whose row-major values are a row of `features`; () if inputs
    are not images.

    What integers are worth, for users (the arithmetic does not need it): an input q stands for the real value
    `offset + step * scales * q`, an output q for `output_step * q`. `scales` and `offset` hold one number for all
    features, one per channel, or one per feature; () is 1 and 0. See `codesign.ir.real`.

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
    scales: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    output_step: float = 1.0

    def run(self, x: NDArray[np.generic]) -> Ints:
        """Outputs (images, outputs) of integer inputs (images, features): exact, without arrays and converters.

        Raises InputError on inputs of the wrong shape, dtype or range.
        """
        from codesign import ir

        return ir.run(self, x)

    def quantize(self, x: ArrayLike) -> Ints:
        """Real inputs (images, ...), in the units of the data, as integers (images, features).

        The nearest, halves up, clamped to the input type: `floor((x - offset) / (step * scales) + 0.5)`. Raises
        InputError for other sizes, for NaN and infinity.
        """
        from codesign import ir

        return ir.to_integers(self, x)

    def predict(self, x: ArrayLike) -> NDArray[np.float64]:
        """Real scores (images, outputs) of real inputs: `quantize`, `run`, and outputs times `output_step`."""
        from codesign import ir

        return ir.predict(self, x, self.run)

    def save(self, path: str | Path) -> Path:
        """Write one .safetensors file, and its folder if absent. It holds integers only; equal networks, equal bytes.

        Raises OutputError when the file cannot be written; an older file then stays unchanged.
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
        """For notebooks: a table with a row for every node."""
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
            scaling = nodes[source].scaling
            if scaling is not None:
                return scaling.out
            source = nodes[source].source
        return self.input

    def shape_of(self, source: str) -> Shape:
        """Shape of one image on the edge that leaves `source`: (features,) or (channels, height, width)."""
        return self._shapes[source]

    def numbers_of(self, source: str) -> Ints:
        """The user's numbers of the channels (or features) on the edge that leaves `source`; see `ir.naming`."""
        units = self._units[source]
        return np.arange(self.shape_of(source)[0]) if units is None else np.array(units, np.int64)

    @cached_property
    def _units(self) -> dict[str, Units]:
        units: dict[str, Units] = {"input": None}
        for n in self.nodes:
            units[n.name] = n.numbering(*(units[s] for s in n.sources))
        return units

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        shapes = {"input": self.shape or (self.features,)}
        for n in self.nodes:
            shapes[n.name] = n.shape(*(shapes[s] for s in n.sources))
        return shapes
