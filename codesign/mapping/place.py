"""Place a network on a chip: its plan, filled with cell levels and requantizers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, Trim, trimmed_sum
from codesign.ir import Add, Network, Requant
from codesign.mapping.cells import to_levels, to_slices
from codesign.mapping.layer import Layer, Matrix
from codesign.mapping.lower import outline, steps_of
from codesign.mapping.mapping import ArrayUse, Mapping, Piece, Spots, Step, StepPlan
from codesign.mapping.plan import plan

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
    current). Where the last layer's has no shift and its gain is a power of two, raw outputs count 1/gain. Raises
    CapacityError with advice when something does not fit, InputError when a weight is not a difference of two cells,
    UnsupportedError when a chip cannot run a layer.
    """
    chip = Chip.of(chip)
    planned = plan(outline(network), chip, objective, spots)
    trims = trims or {}
    held: Held = {}
    steps = [
        fill(layer, step, trims.get(layer.name) or layer.node.trim or Trim(), chip, held)
        if isinstance(layer, Matrix)
        else combined(layer, step)
        for layer, step in zip(steps_of(network, chip), planned.steps, strict=True)
    ]
    return Mapping(planned, network, uses_of(held, chip), tuple(steps))


def uses_of(held: Held, chip: Chip) -> tuple[ArrayUse, ...]:
    """The arrays that layers were put into, by number."""
    zero = np.zeros(chip.columns, dtype=np.int64)
    return tuple(ArrayUse(a, tuple(pieces), levels, zero) for a, (pieces, levels) in sorted(held.items()))


def fill(layer: Matrix, step: StepPlan, trim: Trim, chip: Chip, held: Held) -> Step:
    """Put one layer into the arrays of `held`, and return its step. Raises what `place` does."""
    _put(layer, step, chip, held)
    whole, own, base = layer.whole, layer.outputs, chip.device.levels  # parts of a layer round as one
    q, reserve = whole.requant, base ** (step.slices - 1)
    finer = trim.gain if q.is_raw and not trim.shift and trim.gain.bit_count() == 1 else 1  # such words stay codes
    undone, raised = Trim(trim.gain // finer, trim.shift), q.bias * finer
    other, mult, bias, shift = trimmed_sum(q.mult, whole.other_mult, raised, q.shift, undone, layer.name, reserve)
    other = None if other is None else other[own]
    filled = Step(**vars(step), trim=trim, mult=mult[own], bias=bias[own], shift=shift, base=base, other=other)
    _check_words(layer, filled, chip)
    return filled


def combined(layer: Layer, step: StepPlan) -> Step:
    """The step of a layer without a matrix."""
    node, ones = layer.node, np.ones(step.outputs, np.int64)
    q = node.scaling or Requant(ones, 0 * ones, 0, step.out)
    other = node.other_mult if isinstance(node, Add) else None
    return Step(**vars(step), trim=Trim(), mult=q.mult, bias=q.bias, shift=q.shift, base=1, other=other)


def _put(layer: Matrix, step: StepPlan, chip: Chip, held: Held) -> None:
    lanes, name, first = chip.adc.lanes, layer.name, layer.outputs.start
    slices = [to_levels(w, chip.device, name) for w in to_slices(layer.matrix, chip.device, step.slices, name)]
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
                pieces.append(
                    Piece(
                        name,
                        first,
                        s,
                        span.row,
                        span.rows,
                        first + tile.column,
                        tile.columns,
                        span.wordline,
                        at,
                    )
                )


def _check_words(layer: Matrix, step: Step, chip: Chip) -> None:
    """Raw outputs leave unclamped, so that they must fit their words.

    Others are clamped, and no sum of terms comes near the 47 bits that the requantizer adds them in.
    """
    if not step.raw:
        return
    significance = step.base ** np.arange(step.slices, dtype=np.int64)
    down = max(len(b.spans) for b in step.blocks)
    largest = down << (step.input.bits + chip.adc.bits - 1)
    reach: Ints = largest * np.abs(step.mult) * int(significance.sum()) + np.abs(step.bias)
    if reach.max() > INT32.hi:
        worst = int(reach.argmax())
        output = worst if layer.node.units is None else layer.node.units[worst]
        raise CapacityError(
            f"layer {layer.name}: output {output} can be {int(reach.max())}, which exceeds the 32 bits of an output "
            "word; make its bias smaller or its trim finer"
        )
