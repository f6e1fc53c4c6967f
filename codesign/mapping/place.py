"""Place a network on a chip: its plan, filled with cell levels and requantizers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, Trim, trimmed
from codesign.ir import Linear, Network
from codesign.mapping.cells import to_levels, to_slices
from codesign.mapping.mapping import ArrayUse, Mapping, Piece, Spots, Step, StepPlan
from codesign.mapping.outline import linear_layers, outline
from codesign.mapping.plan import plan

REACH = 47  # bits that the requantizer sums terms in, beside the sign

Held = dict[int, tuple[list[Piece], NDArray[np.uint8]]]  # of each array


def place(
    network: Network,
    chip: Chip | str | Path,
    trims: dict[str, Trim] | None = None,
    objective: str = "cycles",
    spots: Spots | None = None,
) -> Mapping:
    """Lay `network` out on `chip`, as `plan` does for an objective or for the `spots` of an earlier plan.

    trims gives the range trim of a layer's converters (absent: the layer's own, or one code per unit of
    current). Raises CapacityError with advice when something does not fit, InputError when a weight is not a
    difference of two cells, UnsupportedError when a layer is not linear.
    """
    chip = Chip.of(chip)
    planned = plan(outline(network), chip, objective, spots)
    trims = trims or {}
    held: Held = {}
    steps = [
        fill(node, step, trims.get(node.name) or node.trim or Trim(), chip, held)
        for node, step in zip(linear_layers(network), planned.steps, strict=True)
    ]
    return Mapping(planned, network, uses_of(held, chip), tuple(steps))


def uses_of(held: Held, chip: Chip) -> tuple[ArrayUse, ...]:
    """The arrays that layers were put into, by number."""
    zero = np.zeros(chip.columns, dtype=np.int64)
    return tuple(ArrayUse(a, tuple(pieces), levels, zero) for a, (pieces, levels) in sorted(held.items()))


def fill(node: Linear, step: StepPlan, trim: Trim, chip: Chip, held: Held) -> Step:
    """Put one layer into the arrays of `held`, and return its step. Raises what `place` does."""
    _put(node, step, chip, held)
    q, base = node.requant, chip.device.levels
    mult, bias, shift = trimmed(q.mult, q.bias, q.shift, trim, node.name, base ** (step.slices - 1))
    filled = Step(**vars(step), trim=trim, mult=mult, bias=bias, shift=shift, base=base)
    _check_terms(node, filled, chip)
    return filled


def _put(node: Linear, step: StepPlan, chip: Chip, held: Held) -> None:
    lanes = chip.adc.lanes
    slices = [to_levels(w, chip.device, node.name) for w in to_slices(node.weight, chip.device, step.slices, node.name)]
    for tile in step.tiles:
        outputs = slice(2 * tile.column, 2 * (tile.column + tile.columns))
        for s, term in enumerate(tile.terms):
            at = (step.first_group + term.group) * lanes
            for span in step.blocks[term.block].spans:
                if span.array not in held:
                    held[span.array] = [], np.zeros((chip.arrays.rows, chip.arrays.columns), dtype=np.uint8)
                pieces, levels = held[span.array]
                wordlines = slice(span.wordline, span.wordline + span.rows)
                rows = slice(span.row, span.row + span.rows)
                levels[wordlines, 2 * at : 2 * (at + tile.columns)] = slices[s][rows, outputs]
                pieces.append(Piece(node.name, s, span.row, span.rows, tile.column, tile.columns, span.wordline, at))


def _check_terms(node: Linear, step: Step, chip: Chip) -> None:
    """The sum of all terms must fit the requantizer; raw outputs leave it unclamped."""
    significance = step.base ** np.arange(step.slices, dtype=np.int64)
    down = max(len(b.spans) for b in step.blocks)
    largest = down << (step.input.bits + chip.adc.bits - 1)
    reach: Ints = largest * np.abs(step.mult) * int(significance.sum()) + np.abs(step.bias)
    what, limit = ("the 32 bits of an output word", INT32.hi) if step.raw else ("its 48 bits", (1 << REACH) - 1)
    if reach.max() > limit:
        worst = int(reach.argmax())
        output = worst if node.units is None else node.units[worst]
        raise CapacityError(
            f"layer {node.name}: output {output} can be {int(reach.max())}, which exceeds {what}; "
            "make its bias smaller or its trim finer"
        )
