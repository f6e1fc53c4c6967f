"""Range trim: how many units of current one ADC code stands for, chosen per layer."""

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import MULT_BITS, Ints, IntType, Trim, bit_planes, clamp, shift_right, trimmed
from codesign.ir import Linear, Network
from codesign.ir.exact import matmul_exact
from codesign.mapping.outline import linear_layers
from codesign.mapping.place import place
from codesign.mapping.run import layers
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
    trims: dict[str, Trim] = {}
    for node in linear_layers(network):
        if node.trim is not None:
            q = node.requant
            trimmed(q.mult, q.bias, q.shift, node.trim, node.name)  # raises when it cannot be undone
            trims[node.name] = node.trim
            continue
        if calibration is None:
            shift = _never_clips(node, chip)
        else:
            edges = layers(place(network, chip, trims), calibration[:SAMPLES])
            source = edges.get(node.source)
            kind = network.type_of(node.source)
            assert source is not None
            planes = bit_planes(source, kind).reshape(-1, node.inputs)
            currents = [
                matmul_exact(planes[:, r : r + n], node.weight[r : r + n]) for r, n in split_rows(node.inputs, chip)
            ]
            shift = _closest(np.concatenate(currents), chip, _coarsest(node))
        trims[node.name] = Trim(1, shift)
    return trims


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


def _closest(currents: Ints, chip: Chip, coarsest: int) -> int:
    lowest = int(currents.min())
    counts = np.bincount((currents - lowest).ravel())
    values = np.flatnonzero(counts)
    counts, values = counts[values], values + lowest
    errors = []
    for shift in range(coarsest + 1):  # all of them: the error may rise before it falls
        codes = clamp(shift_right(values, shift), chip.code)
        errors.append(float(counts @ ((codes << shift) - values).astype(np.float64) ** 2))
    return int(np.argmin(errors))
