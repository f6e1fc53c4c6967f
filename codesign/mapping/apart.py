"""A network on a drawn die without a layout: every tile of its layers in an array of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from codesign.chip.description import Chip
from codesign.devices import Cells, draw
from codesign.ir import Conv, Linear, Network
from codesign.ir.nodes import Node
from codesign.ir.nodes.matrix import Weights
from codesign.mapping.cells import to_levels, to_slices, to_weights
from codesign.mapping.tiles import columns_of, down


def apart(network: Network, chip: Chip, cells: Cells, seed: int | Sequence[int]) -> Network:
    """The network with the weights that its cells hold on the die of `seed` (see `Die.draw`).

    For networks that a chip need not take as a whole, be they too large or of layers it cannot run. Their tiles are cut
    as the compiler cuts layers, and lie in arrays of their own: from array 0 on, layer by layer, column by column and
    from the top, in as many as it takes. A perceptron whose blocks have arrays of their own holds the same weights on
    the chip's dies.
    Raises InputError when cells cannot hold a weight, and as `Die.draw`.
    """
    nodes: list[Node] = []
    array = 0
    for node in network.nodes:
        if isinstance(node, Linear | Conv):
            weight = _held(node, chip, cells, seed, array)
            array += down(len(node.matrix), chip) * len(columns_of(node.outputs, node.slices, chip).groups)
            node = node.holding(weight)
        nodes.append(node)
    return replace(network, nodes=tuple(nodes))


def _held(node: Linear | Conv, chip: Chip, cells: Cells, seed: int | Sequence[int], array: int) -> Weights:
    """What the cells hold of a layer's `matrix` in arrays from `array` on."""
    matrix, rows, lanes = node.matrix, chip.arrays.rows, chip.adc.lanes  # (inputs, outputs)
    columns, tall = columns_of(node.outputs, node.slices, chip), down(len(node.matrix), chip)
    slices = [to_levels(w, chip.device, node.name) for w in to_slices(matrix, chip.device, node.slices, node.name)]
    places = [
        (place, s, chunk.column, chunk.columns) for chunk in columns.chunks for s, place in enumerate(chunk.slices)
    ]
    levels = np.zeros((len(columns.groups), tall * rows, chip.arrays.columns), dtype=np.uint8)
    for place, s, column, width in places:
        at = 2 * place.group * lanes
        levels[place.block, : len(matrix), at : at + 2 * width] = slices[s][:, 2 * column : 2 * (column + width)]
    tiles = levels.reshape(-1, rows, chip.arrays.columns)
    drawn = np.stack([draw(tile, chip.device, cells, seed, array + k) for k, tile in enumerate(tiles)])
    weights = to_weights(drawn).reshape(len(levels), tall * rows, chip.columns)
    held = np.zeros_like(matrix)
    for place, s, column, width in places:
        at = place.group * lanes
        part = weights[place.block, : len(matrix), at : at + width]
        held[:, column : column + width] += chip.device.levels**s * part
    return held
