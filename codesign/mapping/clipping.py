"""How often converters clip: the share of conversions whose current lies beyond their codes."""

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, bit_planes, shift_right
from codesign.ir.exact import product
from codesign.mapping.mapping import ArrayUse, Mapping
from codesign.mapping.outline import linear_layers
from codesign.mapping.run import BATCH, layers, weights_of


def clipped(mapping: Mapping, x: NDArray[np.generic]) -> tuple[dict[str, float], Ints]:
    """The share of each layer's conversions that its converters clip, 0..1, for integer inputs (images, features).

    With it come the chip's outputs (images, outputs): both need every layer's output.
    """
    edges, weights = layers(mapping, x), weights_of(mapping)
    shares = {}
    for step, node in zip(mapping.steps, linear_layers(mapping.network), strict=True):
        source, arrays = edges[node.source], {a for t in step.tiles for a in t.arrays}
        beyond = conversions = 0
        for use in (u for u in mapping.arrays if u.array in arrays):
            conversions += len(source) * step.input.bits * use.columns
            weight = weights[use.array]
            if not _may_clip(weight, use, mapping):
                continue
            for first in range(0, len(source), BATCH):
                part = source[first : first + BATCH, use.row : use.row + use.rows]
                planes = bit_planes(part, step.input).reshape(-1, use.rows)
                beyond += int(_beyond(product(planes, weight), use, mapping).sum())
        shares[step.layer] = beyond / conversions
    return shares, edges[mapping.steps[-1].layer]


def _may_clip(weight: NDArray[np.int32], use: ArrayUse, mapping: Mapping) -> bool:
    """Whether some input bits drive a column of the tile past its converters."""
    ends = np.stack([np.where(weight > 0, weight, 0).sum(axis=0), np.where(weight < 0, weight, 0).sum(axis=0)])
    return bool(_beyond(ends, use, mapping).any())


def _beyond(current: NDArray[np.generic], use: ArrayUse, mapping: Mapping) -> NDArray[np.bool_]:
    code = mapping.chip.code
    read = shift_right(current.astype(np.int64) * use.trim.gain + use.offset[: use.columns], use.trim.shift)
    found: NDArray[np.bool_] = (read < code.lo) | (read > code.hi)
    return found
