"""Range trim: how many units of current one ADC code stands for, chosen per layer."""

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import MULT_BITS, Ints, IntType, Trim, bit_planes, clamp, requantize, shift_right, trimmed
from codesign.ir import Linear, Network
from codesign.ir.exact import matmul_exact
from codesign.ir.run import check_inputs
from codesign.mapping.mapping import Mapping
from codesign.mapping.outline import linear_layers, outline
from codesign.mapping.place import fill
from codesign.mapping.plan import plan
from codesign.mapping.run import accumulate, weights_of
from codesign.mapping.tiles import split_rows

SAMPLES = 256  # calibration images used
MAX_TRIM = 15


def choose_trims(network: Network, chip: Chip, calibration: NDArray[np.generic] | None) -> dict[str, Trim]:
    """The range of each layer's converters: its own trim if it has one, else a shift (gain 1).

    With calibration inputs (images, features): the shift whose codes come closest, in mean square, to the
    currents that the images cause; a converter ranged for the worst case would waste most of its codes.
    Without: the smallest shift at which no input can clip.
    Raises CapacityError when no shift keeps the layer's largest current from clipping, or when the requantizer
    cannot undo the layer's own trim.
    """
    nodes = linear_layers(network)
    if calibration is None:
        return {node.name: _own(node) or Trim(1, _never_clips(node, chip)) for node in nodes}
    planned = plan(outline(network), chip)
    edges: dict[str, Ints] = {"input": check_inputs(calibration[:SAMPLES], network)}
    trims: dict[str, Trim] = {}
    for node, step in zip(nodes, planned.steps, strict=True):
        source = edges[node.source]
        trims[node.name] = _own(node) or Trim(1, _closest(*_currents(node, source, step.input, chip), node, chip))
        if node is not nodes[-1]:
            uses, filled = fill(node, step, trims[node.name], chip)
            alone = Mapping(planned, network, tuple(uses), (filled,))
            acc = accumulate(alone, filled, source, weights_of(alone))
            edges[node.name] = requantize(acc, filled.mult, filled.bias, filled.shift, filled.out)
    return trims


def _own(node: Linear) -> Trim | None:
    """The trim that a layer was trained with. Raises CapacityError when it cannot be undone."""
    if node.trim is not None:
        q = node.requant
        trimmed(q.mult, q.bias, q.shift, node.trim, node.name)
    return node.trim


def _coarsest(node: Linear) -> int:
    """The largest shift that the layer's requantizer can undo: by a smaller shift of its own, or larger multipliers."""
    q, top = node.requant, IntType(MULT_BITS, True).hi
    multiplied = (top // max(1, int(np.abs(q.mult).max()))).bit_length() - 1
    return min(MAX_TRIM, max(q.shift, multiplied))


def _never_clips(node: Linear, chip: Chip) -> int:
    high, low = 0, 0  # largest and smallest current of any column
    for row, count in split_rows(node.inputs, chip):
        part = node.weight[row : row + count]
        high = max(high, int(np.where(part > 0, part, 0).sum(axis=0).max()))
        low = min(low, int(np.where(part < 0, part, 0).sum(axis=0).min()))
    for shift in range(_coarsest(node) + 1):
        if chip.code.holds(shift_right([low, high], shift)):
            return shift
    raise CapacityError(
        f"layer {node.name}: its currents span {low}..{high}, {chip.adc.bits}-bit converters hold only "
        f"{chip.code.lo}..{chip.code.hi} in units of {1 << _coarsest(node)}; give calibration inputs, raise adc.bits "
        "or choose a chip with fewer rows"
    )


def _currents(node: Linear, source: Ints, kind: IntType, chip: Chip) -> tuple[Ints, Ints]:
    """The different currents that a layer's inputs cause, rising, and how often each comes."""
    planes = bit_planes(source, kind).reshape(-1, node.inputs)
    values, counts = [], []
    for row, count in split_rows(node.inputs, chip):  # one at a time: all together are many times the layer
        currents = matmul_exact(planes[:, row : row + count], node.weight[row : row + count])
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
    for shift in range(_coarsest(node) + 1):  # all of them: the error may rise before it falls
        codes = clamp(shift_right(values, shift), chip.code)
        errors.append(float(counts @ ((codes << shift) - values).astype(np.float64) ** 2))
    return int(np.argmin(errors))
