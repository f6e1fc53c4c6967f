"""Range trim: how many units of current one ADC code stands for, chosen per layer."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import MULT_BITS, Ints, IntType, Trim, bit_planes, clamp, shift_right, trimmed
from codesign.ir import Linear, Network
from codesign.ir.exact import matmul_exact
from codesign.ir.run import check_inputs
from codesign.mapping.cells import to_slices
from codesign.mapping.mapping import Mapping, Plan, StepPlan
from codesign.mapping.outline import linear_layers
from codesign.mapping.place import Held, fill, uses_of
from codesign.mapping.run import accumulate, scale, weights_of

SAMPLES = 256  # calibration images used
MAX_TRIM = 15


def choose_trims(network: Network, planned: Plan, calibration: NDArray[np.generic] | None) -> dict[str, Trim]:
    """The range of each layer's converters: its own trim if it has one, else a shift (gain 1).

    With calibration inputs (images, features): the shift whose codes come closest, in mean square, to the
    currents that the images cause; a converter ranged for the worst case would waste most of its codes.
    Without: the smallest shift at which no input can clip. Currents are those of the pieces of the plan.
    Raises CapacityError when no shift keeps the layer's largest current from clipping, or when the requantizer
    cannot undo the layer's own trim.
    """
    nodes, chip = linear_layers(network), planned.chip
    both = list(zip(nodes, planned.steps, strict=True))
    if calibration is None:
        return {node.name: _own(node, chip) or Trim(1, _never_clips(node, step, chip)) for node, step in both}
    edges: dict[str, Ints] = {"input": check_inputs(calibration[:SAMPLES], network)}
    trims: dict[str, Trim] = {}
    for node, step in both:
        source = edges[node.source]
        trims[node.name] = _own(node, chip) or Trim(1, _closest(*_currents(node, step, source, chip), node, chip))
        if node is not nodes[-1]:
            held: Held = {}
            filled = fill(node, step, trims[node.name], chip, held)
            alone = Mapping(planned, network, uses_of(held, chip), (filled,))
            edges[node.name] = scale(filled, accumulate(alone, filled, source, weights_of(alone)))
    return trims


def _pieces(node: Linear, step: StepPlan, chip: Chip) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """The weights of every slice in every array that the layer's rows reach."""
    for weight in to_slices(node.weight, chip.device, step.slices, node.name):
        for cut in sorted({(s.row, s.rows) for block in step.blocks for s in block.spans}):
            rows = slice(cut[0], cut[0] + cut[1])
            yield rows, weight[rows]


def _own(node: Linear, chip: Chip) -> Trim | None:
    """The trim that a layer was trained with. Raises CapacityError when it cannot be undone."""
    if node.trim is not None:
        q = node.requant
        trimmed(q.mult, q.bias, q.shift, node.trim, node.name, _highest(node, chip))
    return node.trim


def _highest(node: Linear, chip: Chip) -> int:
    """Significance of the highest slice."""
    return int(chip.device.levels ** (node.slices - 1))


def _coarsest(node: Linear, chip: Chip) -> int:
    """The largest shift that the layer's requantizer can undo: by a smaller shift of its own, or larger multipliers.

    Those of the highest slice are the largest.
    """
    q, top = node.requant, IntType(MULT_BITS, True).hi
    largest = int(np.abs(q.mult).max()) * _highest(node, chip)
    multiplied = (top // max(1, largest)).bit_length() - 1
    return min(MAX_TRIM, max(q.shift, multiplied))


def _never_clips(node: Linear, step: StepPlan, chip: Chip) -> int:
    high, low = 0, 0  # largest and smallest current of any column
    for _, part in _pieces(node, step, chip):
        high = max(high, int(np.where(part > 0, part, 0).sum(axis=0).max()))
        low = min(low, int(np.where(part < 0, part, 0).sum(axis=0).min()))
    for shift in range(_coarsest(node, chip) + 1):
        if chip.code.holds(shift_right([low, high], shift)):
            return shift
    raise CapacityError(
        f"layer {node.name}: its currents span {low}..{high}, {chip.adc.bits}-bit converters hold only "
        f"{chip.code.lo}..{chip.code.hi} in units of {1 << _coarsest(node, chip)}; give calibration inputs, raise "
        "adc.bits or choose a chip with fewer rows"
    )


def _currents(node: Linear, step: StepPlan, source: Ints, chip: Chip) -> tuple[Ints, Ints]:
    """The different currents that a layer's inputs cause, rising, and how often each comes."""
    planes = bit_planes(source, step.input).reshape(-1, node.inputs)
    values, counts = [], []
    for rows, weight in _pieces(node, step, chip):  # one at a time: all together are many times the layer
        currents = matmul_exact(planes[:, rows], weight)
        lowest = int(currents.min())
        found = np.bincount((currents - lowest).ravel())
        values.append(np.flatnonzero(found) + lowest)
        counts.append(found[found > 0])
    distinct, where = np.unique(np.concatenate(values), return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, where, np.concatenate(counts))
    return distinct, total


def _closest(values: Ints, counts: Ints, node: Linear, chip: Chip) -> int:
    errors = []
    for shift in range(_coarsest(node, chip) + 1):  # all of them: the error may rise before it falls
        codes = clamp(shift_right(values, shift), chip.code)
        errors.append(float(counts @ ((codes << shift) - values).astype(np.float64) ** 2))
    return int(np.argmin(errors))
