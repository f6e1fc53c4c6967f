"""Range trim: how many units of current one ADC code stands for, chosen per layer."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import MULT_BITS, Ints, IntType, Trim, bit_planes, clamp, shift_right, trimmed_sum
from codesign.ir import Network
from codesign.ir.exact import matmul_exact
from codesign.ir.run import check_inputs
from codesign.mapping.cells import to_slices
from codesign.mapping.layer import Layer, Matrix
from codesign.mapping.lower import steps_of
from codesign.mapping.mapping import Mapping, Plan, StepPlan
from codesign.mapping.place import Held, fill, uses_of
from codesign.mapping.run import computed, weights_of

SAMPLES = 256  # calibration images used
ROWS = 1 << 13  # of a layer's matrix passes over them; a convolution passes at every position
MAX_TRIM = 15

Parts = list[tuple[Matrix, StepPlan]]  # of a layer, as the chip runs it


def choose_trims(network: Network, planned: Plan, calibration: NDArray[np.generic] | None) -> dict[str, Trim]:
    """The range of each layer's converters: its own trim if it has one, else a shift (gain 1).

    With calibration inputs (images, features): the shift whose codes come closest, in mean square, to the
    currents that the images cause; a converter ranged for the worst case would waste most of its codes.
    Without: the smallest shift at which no input can clip. Currents are those of the pieces of the plan.
    Raises CapacityError when no shift keeps the layer's largest current from clipping, or when the requantizer
    cannot undo the layer's own trim.
    """
    chip = planned.chip
    both = zip(steps_of(network, chip), planned.steps, strict=True)
    layers = [list(parts) for _, parts in groupby(both, key=lambda part: part[1].layer)]
    if calibration is None:
        matrices = [m for parts in layers if (m := _matrices(parts))]
        return {m[0][0].name: _own(m[0][0].whole, chip) or Trim(1, _never_clips(m, chip)) for m in matrices}
    samples = check_inputs(calibration[:SAMPLES], network)
    edges = {"input": samples.reshape(len(samples), *network.shape_of("input"))}
    trims: dict[str, Trim] = {}
    for parts in layers:
        own = _matrices(parts)
        if not own:
            edges |= parts[0][0].value(edges)
            continue
        whole = own[0][0].whole
        source = edges[whole.node.source]
        trims[whole.name] = _own(whole, chip) or Trim(1, _closest(*_currents(own, source, chip), whole, chip))
        if parts is layers[-1]:
            break
        for layer, step in own:
            held: Held = {}
            filled = fill(layer, step, trims[whole.name], chip, held)
            alone = Mapping(planned, network, uses_of(held, chip), (filled,))
            edges |= computed(alone, filled, layer, edges, weights_of(alone))
    return trims


def _matrices(parts: list[tuple[Layer, StepPlan]]) -> Parts:
    """The parts of a layer that has a matrix, with their steps; else none."""
    return [(layer, step) for layer, step in parts if isinstance(layer, Matrix)]


def _pieces(layer: Matrix, step: StepPlan, chip: Chip) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """The weights of every slice in every array that the layer's rows reach."""
    for weight in to_slices(layer.matrix, chip.device, step.slices, layer.name):
        for cut in sorted({(s.row, s.rows) for block in step.blocks for s in block.spans}):
            rows = slice(cut[0], cut[0] + cut[1])
            yield rows, weight[rows]


def _own(layer: Matrix, chip: Chip) -> Trim | None:
    """The trim that a layer was trained with. Raises CapacityError when it cannot be undone."""
    if layer.node.trim is not None:
        q = layer.requant
        trimmed_sum(q.mult, layer.other_mult, q.bias, q.shift, layer.node.trim, layer.name, _highest(layer, chip))
    return layer.node.trim


def _highest(layer: Matrix, chip: Chip) -> int:
    """Significance of the highest slice."""
    return int(chip.device.levels ** (layer.node.slices - 1))


def _coarsest(layer: Matrix, chip: Chip) -> int:
    """The largest shift that the layer's requantizer can undo: by a smaller shift of its own, or larger multipliers.

    Those of the highest slice are the largest. The multipliers of an edge that is added may not vanish.
    """
    q, top = layer.requant, IntType(MULT_BITS, True).hi
    largest = int(np.abs(q.mult).max()) * _highest(layer, chip)
    multiplied = (top // max(1, largest)).bit_length() - 1
    coarsest = min(MAX_TRIM, max(q.shift, multiplied))
    if layer.add is None:
        return coarsest
    return next((s for s in range(coarsest, 0, -1) if _undone(layer, Trim(1, s), chip)), 0)


def _undone(layer: Matrix, trim: Trim, chip: Chip) -> bool:
    """Whether the layer's requantizer can undo a trim."""
    q = layer.requant
    try:
        trimmed_sum(q.mult, layer.other_mult, q.bias, q.shift, trim, layer.name, _highest(layer, chip))
    except CapacityError:
        return False
    return True


def _never_clips(parts: Parts, chip: Chip) -> int:
    high, low, layer = 0, 0, parts[0][0].whole  # largest and smallest current of any column
    for _, weight in (piece for part in parts for piece in _pieces(*part, chip)):
        high = max(high, int(np.where(weight > 0, weight, 0).sum(axis=0).max()))
        low = min(low, int(np.where(weight < 0, weight, 0).sum(axis=0).min()))
    for shift in range(_coarsest(layer, chip) + 1):
        if chip.code.holds(shift_right([low, high], shift)):
            return shift
    raise CapacityError(
        f"layer {layer.name}: its currents span {low}..{high}, {chip.adc.bits}-bit converters hold only "
        f"{chip.code.lo}..{chip.code.hi} in units of {1 << _coarsest(layer, chip)}; give calibration inputs, raise "
        "adc.bits or choose a chip with fewer rows"
    )


def _currents(parts: Parts, source: Ints, chip: Chip) -> tuple[Ints, Ints]:
    """The different currents that a layer's inputs cause, rising, and how often each comes."""
    values, counts = [], []
    for layer, step in parts:
        images = max(1, ROWS // layer.positions)
        planes = bit_planes(layer.gather(source[:images]), step.input).reshape(-1, layer.size.inputs)
        for rows, weight in _pieces(layer, step, chip):  # one at a time: all together are many times the layer
            currents = matmul_exact(planes[:, rows], weight)
            lowest = int(currents.min())
            found = np.bincount((currents - lowest).ravel())
            values.append(np.flatnonzero(found) + lowest)
            counts.append(found[found > 0])
    distinct, where = np.unique(np.concatenate(values), return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, where, np.concatenate(counts))
    return distinct, total


def _closest(values: Ints, counts: Ints, layer: Matrix, chip: Chip) -> int:
    errors = []
    for shift in range(_coarsest(layer, chip) + 1):  # all of them: the error may rise before it falls
        codes = clamp(shift_right(values, shift), chip.code)
        errors.append(float(counts @ ((codes << shift) - values).astype(np.float64) ** 2))
    return int(np.argmin(errors))
