"""A network seen from the chip: the size of each layer's matrix, what it reads, and what it gives. No weights."""

from dataclasses import dataclass

from codesign.brief import Brief
from codesign.errors import UnsupportedError
from codesign.fixed import INT32, IntType
from codesign.ir import Linear, Network
from codesign.ir.nodes import KINDS


@dataclass(frozen=True)
class LayerSize(Brief):
    """A layer's matrix of (inputs, outputs), fed by the layer `source` (or "input"), giving integers of type `out`.

    slices: pairs of cells that hold a weight. cut: the wordline of an array that its first row must lie on; None: any.
    """

    name: str
    source: str
    inputs: int
    outputs: int
    out: IntType
    slices: int = 1
    cut: int | None = None

    @property
    def cells(self) -> int:
        """Cells that hold weights, two a weight and slice."""
        return 2 * self.inputs * self.outputs * self.slices

    @property
    def raw(self) -> bool:
        """Whether the results leave the chip."""
        return self.out == INT32


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


def outline(network: Network) -> Outline:
    """The outline of a network. Raises UnsupportedError when a layer is not linear."""
    layers = tuple(
        LayerSize(n.name, n.source, n.inputs, n.outputs, n.requant.out, n.slices, None if n.trim is None else n.cut)
        for n in linear_layers(network)
    )
    return Outline(network.name, network.features, network.input, layers)


def linear_layers(network: Network) -> tuple[Linear, ...]:
    """The nodes of a network of linear layers. Raises UnsupportedError that names the first one of another kind."""
    layers = []
    for node in network.nodes:
        if not isinstance(node, Linear):
            raise not_taken(node.name, node.kind)
        layers.append(node)
    return tuple(layers)


def not_taken(layer: str, kind: str) -> UnsupportedError:
    """The error for a layer of a `kind` that the compiler cannot map to a chip."""
    return UnsupportedError(
        f"layer {layer}: the compiler cannot map {KINDS[kind].plural} to a chip yet, only linear layers; "
        "run the network with codesign.ir.run, or train one of linear layers"
    )
