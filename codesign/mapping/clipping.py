"""How often converters clip: the share of conversions whose current lies beyond their codes."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, bit_planes, unclamped
from codesign.ir.exact import product
from codesign.mapping.layer import Matrix
from codesign.mapping.mapping import Mapping, Step
from codesign.mapping.run import batch_of, layers, offsets, piece_of, weights_of, width_of


def clipped(mapping: Mapping, x: NDArray[np.generic]) -> tuple[dict[str, float], Ints]:
    """The share of each layer's conversions that its converters clip, 0..1, for integer inputs (images, features).

    With it come the chip's outputs (images, outputs): both need every layer's output. Conversions of columns that
    hold no weight of the layer do not count.
    """
    edges, weights = layers(mapping, x), weights_of(mapping)
    beyond, conversions = Counter[str](), Counter[str]()  # of each layer
    for step, layer in zip(mapping.steps, mapping.layers, strict=True):
        if not isinstance(layer, Matrix):
            continue
        source = layer.gather(edges[layer.node.source])
        source = layer.computed(source)
        for number, block in enumerate(step.blocks):
            used = with_weights(step, number, mapping)
            for span in block.spans:
                conversions[step.layer] += len(source) * step.input.bits * int(used.sum())
                weight = piece_of(weights, step, span, len(used), mapping)
                offset = offsets(step, span.array, len(used), mapping)
                if not _may_clip(weight, offset, step, mapping):
                    continue
                batch = batch_of(source)
                for first in range(0, len(source), batch):
                    part = source[first : first + batch, span.row : span.row + span.rows]
                    planes = bit_planes(part, step.input).reshape(-1, span.rows)
                    beyond[step.layer] += int(_beyond(product(planes, weight), offset, step, mapping)[:, used].sum())
    shares = {name: beyond[name] / count for name, count in conversions.items()}
    return shares, edges[mapping.steps[-1].layer].reshape(len(x), -1)


def with_weights(step: Step, number: int, mapping: Mapping) -> NDArray[np.bool_]:
    """Which columns of a step's `number`th block hold weights."""
    used, lanes = np.zeros(width_of(step, step.blocks[number], mapping), dtype=bool), mapping.chip.adc.lanes
    for tile in step.tiles:
        for term in tile.terms:
            if term.block == number:
                used[term.group * lanes : term.group * lanes + tile.columns] = True
    return used


def _may_clip(weight: NDArray[np.int32], offset: Ints, step: Step, mapping: Mapping) -> bool:
    """Whether some input bits drive a column of the piece past its converters."""
    ends = np.stack([np.where(weight > 0, weight, 0).sum(axis=0), np.where(weight < 0, weight, 0).sum(axis=0)])
    return bool(_beyond(ends, offset, step, mapping).any())


def _beyond(current: NDArray[np.generic], offset: Ints, step: Step, mapping: Mapping) -> NDArray[np.bool_]:
    code = mapping.chip.code
    read = unclamped(current, step.trim, offset)
    found: NDArray[np.bool_] = (read < code.lo) | (read > code.hi)
    return found
