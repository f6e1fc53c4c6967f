"""The bit-exact reference of the chip: bit planes, converters, shift-and-add, requantize, tile by tile."""

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, bit_planes, convert, plane_weights, requantize
from codesign.ir.exact import matmul_exact, product
from codesign.ir.run import check_inputs
from codesign.mapping.cells import to_codes, to_weights
from codesign.mapping.die import Die
from codesign.mapping.mapping import ArrayUse, Mapping, Step
from codesign.mapping.outline import linear_layers

BATCH = 256  # images at once; bounds the memory of unrolled bit planes


def run(mapping: Mapping, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> Ints:
    """Outputs (images, outputs) of the chip for integer inputs (images, features).

    die: what the cells hold (absent: ideal). adc=False skips the converters: currents are summed exactly.
    """
    return layers(mapping, x, die, adc)[mapping.steps[-1].layer]


def layers(mapping: Mapping, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> dict[str, Ints]:
    """Like `run`, with the output of every layer by name."""
    weights = weights_of(mapping, die)
    edges: dict[str, Ints] = {"input": check_inputs(x, mapping.network)}
    for step, node in zip(mapping.steps, linear_layers(mapping.network), strict=True):
        acc = accumulate(mapping, step, edges[node.source], weights, adc)
        q = step if adc else node.requant
        edges[step.layer] = requantize(acc, q.mult, q.bias, q.shift, q.out)
    return edges


def accumulate(mapping: Mapping, step: Step, x: Ints, weights: dict[int, NDArray[np.int32]], adc: bool = True) -> Ints:
    """Accumulators (images, outputs) of one step: its arrays' codes, shifted and added."""
    acc = np.zeros((len(x), step.outputs), dtype=np.int64)
    arrays = {a for t in step.tiles for a in t.arrays}
    serial: dict[tuple[int, int], list[ArrayUse]] = {}  # arrays of one row tile see the same bit planes
    for use in (u for u in mapping.arrays if u.array in arrays):
        if adc and not cannot_clip(weights[use.array], use, mapping):
            serial.setdefault((use.row, use.rows), []).append(use)
        else:
            acc[:, use.column : use.column + use.columns] += matmul_exact(
                x[:, use.row : use.row + use.rows], weights[use.array]
            )
    scale = plane_weights(step.input)
    for first in range(0, len(x) if serial else 0, BATCH):
        images = slice(first, first + BATCH)
        for (row, rows), uses in serial.items():
            planes = bit_planes(x[images, row : row + rows], step.input)  # (planes, images, rows)
            for use in uses:
                current = product(planes.reshape(-1, rows), weights[use.array]).reshape(*planes.shape[:2], -1)
                codes = convert(current, use.trim, use.offset[: use.columns], mapping.chip.code)
                added = np.tensordot(scale.astype(codes.dtype), codes, axes=1)  # below 2^24: exact in floats
                acc[images, use.column : use.column + use.columns] += added.astype(np.int64)
    return acc


def weights_of(mapping: Mapping, die: Die | None = None) -> dict[int, NDArray[np.int32]]:
    """The weights that each used array holds: (rows, columns) of its tile, differences of conductance codes."""
    if die is not None:
        die.check(mapping)
    result = {}
    for u in mapping.arrays:
        codes = die.codes[u.array] if die else to_codes(u.levels, mapping.chip.device)
        result[u.array] = to_weights(codes)[: u.rows, : u.columns]
    return result


def cannot_clip(weight: NDArray[np.int32], use: ArrayUse, mapping: Mapping) -> bool:
    """Whether no input can drive any column of the tile past its converters, which then change nothing.

    The largest current adds all positive weights, the smallest all negative ones (inputs are bits).
    """
    if not use.trim.is_identity or use.offset.any():
        return False
    high = np.where(weight > 0, weight, 0).sum(axis=0).max(initial=0)
    low = np.where(weight < 0, weight, 0).sum(axis=0).min(initial=0)
    code = mapping.chip.code
    return bool(low >= code.lo and high <= code.hi)
