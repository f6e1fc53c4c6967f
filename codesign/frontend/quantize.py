"""Post-training quantization: a real-valued graph and sample inputs become an integer network."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.arrays import as_array, evenly
from codesign.chip.description import Chip
from codesign.errors import warn
from codesign.frontend.edges import checked, inputs
from codesign.frontend.features import scaled
from codesign.frontend.graph import Graph, Real
from codesign.frontend.integers import Setting, to_nodes
from codesign.frontend.scales import varies, watch, watch_order
from codesign.frontend.settle import reader_of, settled, shapes
from codesign.ir import Network, Node, verify
from codesign.train.layers.grid import Grid

VALUES = 1 << 24  # that an edge of all calibration inputs holds at most; else evenly many of the inputs serve


@dataclass(frozen=True, eq=False)
class Quantized:
    """An integer network, and what its integers stand for."""

    network: Network
    graph: Graph  # the same operations in real numbers, by the same names
    scales: dict[str, Real]  # real value of one integer on every edge, one per channel or feature


def quantize(
    graph: Graph, calibration: ArrayLike, chip: Chip | str | Path, name: str, effort: str = "normal"
) -> Network:
    """`graph` on the cells of `chip`, without training: see `quantized`."""
    return quantized(graph, calibration, chip, name, effort).network


def quantized(
    graph: Graph,
    calibration: ArrayLike,
    chip: Chip | str | Path,
    name: str,
    effort: str = "normal",
    input_scale: str = "set",
) -> Quantized:
    """`graph` on the cells of `chip`, without training, and the scales of its edges.

    calibration is (images, ...) as the model takes them, a few hundred typical ones. Integers are used as they are
    (scale 1); for floats the input scale follows from their range. Every column of a hidden matrix has a scale; scales
    minimize the squared error of the layer's outputs; biases correct each column's mean error. effort: "normal" rounds
    weights to the nearest integers, "high" chooses them together. input_scale: one for all inputs ("set"), or one for
    every "feature".
    Raises InputError for NaN, infinite or misshapen numbers, UnsupportedError for a graph that ends in an image. Warns
    (CodesignWarning) about layers whose outputs are the same for every image.
    """
    chip, x = Chip.of(chip), as_array(calibration, "calibration")
    graph = settled(graph)
    some = _some(x, graph)
    if input_scale == "feature":
        graph = scaled(graph, checked(some, graph))
    edge = inputs(some, graph, chip)
    how = Setting(Grid(chip.device.weights), chip.activation.bits, effort == "high")
    if len(edge.q) > 1 and not varies(edge.q):
        warn(
            f"calibration: all {len(edge.q)} inputs are equal at a scale of {float(edge.scale[0]):.3g}; "
            "give a few hundred typical ones"
        )
    nodes: list[Node] = []
    edges, scales = {"input": edge}, {"input": edge.scale}
    for k, op in enumerate(graph.ops):
        read = tuple(edges[s] for s in op.sources)
        made, after = to_nodes(op, read, reader_of(op, graph.ops[k + 1 :]), how)
        nodes += made
        edges[op.name], scales[op.name] = after, after.scale
        watch(op.name, next((e.q for e in read if varies(e.q)), read[0].q), after.q, after.real)
        needed = {s for later in graph.ops[k + 1 :] for s in later.sources}
        edges = {n: e for n, e in edges.items() if n in needed or n == op.name}
    last = edges[graph.ops[-1].name]
    watch_order(graph.ops[-1].name, last.q, last.real)
    shape = graph.shape if len(graph.shape) == 3 else ()
    network = Network(
        name, math.prod(graph.shape), edge.kind, tuple(nodes), float(edge.scale[0]), shape,
        scales=graph.scales, offset=tuple(graph.offset), output_step=float(last.scale[0]),
    )  # fmt: skip
    return Quantized(verify(network), graph, scales)


def _some(x: NDArray[np.generic], graph: Graph) -> NDArray[np.generic]:
    """Evenly many of the calibration inputs, so that no edge holds more than `VALUES`."""
    largest = max(math.prod(shape) for shape in shapes(graph).values())
    most = max(16, VALUES // largest)
    return x if x.ndim == 0 else x[evenly(len(x), most)]
