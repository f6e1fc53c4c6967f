"""Accuracy of a trained network on imperfect dies, by its integers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from codesign import ir
from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.devices import Cells, draw
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Conv, Linear
from codesign.train.export import export
from codesign.train.layers.grid import Grid
from codesign.train.nets.quantized import QuantNet


def on_die(
    model: QuantNet, dataset: Dataset, kind: IntType, chip: Chip | str | Path, cells: Cells, rng: np.random.Generator
) -> float:
    """Percent of test images classified correctly when `rng` draws every cell; converters do not clip.

    Each slice of a layer has its own arrays. Biases are ideal, even those in cells. Raises InputError when
    the chip's codes cannot represent `cells` (see `devices.check`), or its cells cannot hold the model's weights.
    """
    chip, grid = Chip.of(chip), model.grid
    if not model.is_discrete:
        raise InputError("model: some of its weights are real, and a die cannot hold those; quantize every layer")
    if (grid.pair or grid.values) != chip.device.weights:
        raise InputError(
            f"model: its pairs of cells hold other weights than those of chip {chip.name}; "
            "give the chip it was trained for"
        )
    network = export(model, "die")
    nodes = tuple(
        replace(n, weight=_held(n, grid, chip, cells, rng)) if isinstance(n, Linear | Conv) else n
        for n in network.nodes
    )
    outputs = ir.run(replace(network, nodes=nodes), dataset.test_inputs(kind))
    return 100.0 * float((outputs.argmax(1) == dataset.y_test).mean())


def _held(node: Linear | Conv, grid: Grid, chip: Chip, cells: Cells, rng: np.random.Generator) -> NDArray[np.int32]:
    """The weights that a layer's cells hold on a die, in the weight's shape."""
    matrix = node.matrix  # (inputs, outputs)
    weights, pairs = (np.array(list(part)) for part in (chip.device.pairs, chip.device.pairs.values()))
    array = (chip.arrays.rows, chip.arrays.columns)
    held = np.zeros(matrix.shape, np.int64)
    for s, digits in enumerate(grid.split(torch.from_numpy(matrix))):
        levels = pairs[np.searchsorted(weights, digits.numpy())].reshape(len(matrix), -1)  # + and - side by side
        codes = draw(levels, chip.device, cells, rng, array).astype(np.int64)
        held += grid.base**s * (codes[:, 0::2] - codes[:, 1::2])
    return node.holding(held).weight
