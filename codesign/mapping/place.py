"""Place a network on a chip: its plan, filled with cell levels and requantizers."""

from pathlib import Path

import numpy as np

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, Trim, trimmed
from codesign.ir import Linear, Network
from codesign.mapping.cells import to_levels
from codesign.mapping.mapping import ArrayUse, Mapping, Step, StepPlan
from codesign.mapping.outline import linear_layers, outline
from codesign.mapping.plan import plan
from codesign.mapping.tiles import split_rows


def place(network: Network, chip: Chip | str | Path, trims: dict[str, Trim] | None = None) -> Mapping:
    """Lay `network` out on `chip`, each tile in an array of its own.

    trims gives the range trim of a layer's converters (absent: the layer's own, or one code per unit of
    current). Raises CapacityError with advice when something does not fit, InputError when a weight is not a
    difference of two cells, UnsupportedError when a layer is not linear.
    """
    chip = Chip.of(chip)
    planned = plan(outline(network), chip)
    trims = trims or {}
    uses: list[ArrayUse] = []
    steps: list[Step] = []
    for node, step in zip(linear_layers(network), planned.steps, strict=True):
        held, filled = fill(node, step, trims.get(node.name) or node.trim or Trim(), chip)
        uses += held
        steps.append(filled)
    return Mapping(planned, network, tuple(uses), tuple(steps))


def fill(node: Linear, step: StepPlan, trim: Trim, chip: Chip) -> tuple[list[ArrayUse], Step]:
    """What one layer puts into its arrays and its step. Raises what `place` does."""
    uses = _uses(node, step, trim, chip)
    q = node.requant
    mult, bias, shift = trimmed(q.mult, q.bias, q.shift, trim, node.name)
    if step.raw:
        largest = len(step.loads) << (step.input.bits + chip.adc.bits - 1)
        _check_raw(node, largest * np.abs(mult) + np.abs(bias))
    return uses, Step(**vars(step), mult=mult, bias=bias, shift=shift)


def _uses(node: Linear, step: StepPlan, trim: Trim, chip: Chip) -> list[ArrayUse]:
    levels = to_levels(node.weight, chip.device, node.name)  # (inputs, 2 * outputs)
    uses = []
    for tile in step.tiles:
        column, width = tile.column, tile.columns
        for array, (row, height) in zip(tile.arrays, split_rows(node.inputs, chip), strict=True):
            full = np.zeros((chip.arrays.rows, chip.arrays.columns), dtype=np.uint8)
            full[:height, : 2 * width] = levels[row : row + height, 2 * column : 2 * (column + width)]
            offset = np.zeros(chip.columns, dtype=np.int64)
            uses.append(ArrayUse(array, node.name, row, height, column, width, full, trim, offset))
    return uses


def _check_raw(node: Linear, largest: Ints) -> None:
    """Raw outputs leave the chip unclamped: the largest one must fit its word."""
    if largest.max() > INT32.hi:
        output = int(largest.argmax()) if node.units is None else node.units[int(largest.argmax())]
        raise CapacityError(
            f"layer {node.name}: output {output} can be {int(largest.max())}, which exceeds the 32 bits "
            "of an output word; make its bias smaller or its trim finer"
        )
