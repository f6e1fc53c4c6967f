"""Quantization-aware training of a user's own module, in the user's own loop."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from codesign.arrays import as_array
from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.errors import ConfigError, InputError
from codesign.frontend.edges import checked, inputs
from codesign.frontend.features import scaled, sized
from codesign.frontend.graph import Graph
from codesign.frontend.models import graph_of
from codesign.frontend.prepared import Prepared
from codesign.frontend.settle import settled
from codesign.frontend.trainable import Options, trainable
from codesign.frontend.unwrap import plain_copy
from codesign.ir.geometry import Shape

IMAGES = 512  # of calibration that are looked at, spread over all


def prepare(
    model: nn.Module,
    chip: Chip | str | Path,
    calibration: ArrayLike,
    *,
    input_bits: int | None = None,
    activation_bits: int | None = None,
    scale: str = "layer",
    input_scale: str = "set",
    converters: bool = False,
    cells: Cells | None = None,
    seed: int = 0,
) -> Prepared:
    """`model` with the weights and activations of `chip`, to be trained in your own loop and given to `compile`.

    The result starts from the weights of `model`, which stays as it is, and takes and returns what `model` does: your
    loss, optimizer and loop need no change. In eval mode it computes exactly what the chip will.

    calibration: inputs (images, ...) as the module takes them, a few hundred typical ones. Integers are used as they
    are; for floats the input scale follows from their range. input_bits and activation_bits are by default those of the
    chip. scale: one weight scale per "layer", or per "column" (for columns of different size; steps take longer); the
    last layer has one. input_scale: one for all inputs ("set"), or one for every "feature" (for tables, whose columns
    come in different units). converters: train through the chip's converters, too. cells: imperfections of cells, drawn
    anew in every training step from `seed`.

    Raises UnsupportedError for operations that do not become layers of a chip, InputError for calibration that is
    missing, misshapen, NaN or infinite, ConfigError for a chip or an option that does not exist.

    Usage:

    >>> import codesign, torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 5))
    >>> x, y = torch.rand(50, 20), torch.arange(50) % 5
    >>> prepared = codesign.train.prepare(model, "tiny", x)
    >>> optimizer = torch.optim.Adam(prepared.parameters(), 1e-3)
    >>> for _ in range(3):
    ...     loss = nn.functional.cross_entropy(prepared(x), y)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    >>> codesign.compile(prepared, x, "tiny")
    Program(network on tiny: 3 of 6 arrays, interval 41)
    """
    if not isinstance(model, nn.Module) or isinstance(model, Prepared):
        came = "a prepared module" if isinstance(model, Prepared) else f"a {type(model).__name__}"
        raise InputError(f"prepare: model must be an ordinary nn.Module, got {came}; give the module that you trained")
    target = _chip(chip, converters)
    if cells is not None and not isinstance(cells, Cells):
        raise ConfigError(f"prepare: cells must be a codesign.Cells or None, got {cells!r}")
    if not isinstance(converters, bool):
        raise ConfigError(f"prepare: converters must be True or False, got {converters!r}")
    if type(seed) is not int or seed < 0:
        raise ConfigError(f"prepare: seed must be a whole number of at least 0, got {seed!r}")
    if calibration is None:
        raise InputError("prepare: calibration is missing; give a few hundred typical inputs, as the module takes them")
    x = as_array(calibration, "calibration")
    if input_scale not in ("set", "feature"):
        raise ConfigError(f'prepare: input_scale must be "set" or "feature", got {input_scale!r}')
    options = Options(
        target,
        _bits("activation_bits", activation_bits, target),
        _per_column(scale),
        converters,
        cells if cells is not None else Cells(),
        seed,
    )
    graph, form = traced(model, x)
    return prepared_of(graph, x, _bits("input_bits", input_bits, target), options, form, input_scale)


def prepared_of(
    graph: Graph,
    x: NDArray[np.generic],
    input_bits: int,
    options: Options,
    form: Shape = (),
    input_scale: str = "set",
) -> Prepared:
    """A graph as a trainable module, calibrated on inputs (images, ...). form: see `Prepared`."""
    graph = settled(graph, fold=False)
    if input_scale == "feature":
        graph = scaled(graph, checked(x, graph))
    edge = inputs(x, graph, options.chip, input_bits)
    graph, unit = sized(graph)
    some = edge.real[:: -(-len(x) // IMAGES)] / unit
    net = trainable(graph, some, edge.kind, float(edge.scale[0]) / unit, options)
    return Prepared(net, graph.offset, graph.scales, graph.tail, graph.wrap, form).train()


def traced(model: nn.Module, x: NDArray[np.generic]) -> tuple[Graph, Shape]:
    """The graph of a module, and the shape of one image's scores."""
    graph = graph_of(model, x)
    if any(name == "argmax" for name, _ in graph.tail):
        return graph, ()  # the module does not show its scores
    with torch.no_grad():
        y: Any = plain_copy(model)(torch.from_numpy(np.ascontiguousarray(x[[0, -1]]).astype(np.float32)))
    for key in graph.wrap:
        y = y[key]
    return graph, tuple(y.shape[1:])


def _chip(chip: Any, converters: bool) -> Chip:
    if chip is None:
        what = "converters are those of a chip" if converters else "the weights that cells can hold come from a chip"
        raise ConfigError(f"prepare: {what}; give its name, its file or a codesign.Chip")
    return Chip.of(chip)


def _bits(what: str, bits: Any, chip: Chip) -> int:
    """A number of bits that the chip can take: its own if absent."""
    top = chip.activation.bits
    if bits is None:
        return top
    if type(bits) is not int or not 1 <= bits <= top:
        raise ConfigError(f"prepare: {what} must be 1..{top} (activation.bits of chip {chip.name}), got {bits!r}")
    return bits


def _per_column(scale: Any) -> bool:
    if scale not in ("column", "layer"):
        raise ConfigError(f'prepare: scale must be "column" or "layer", got {scale!r}')
    return bool(scale == "column")
