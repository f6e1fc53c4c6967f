"""How values spread: the weights of every layer, and the currents of its columns against the converters' codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import evenly
from codesign.brief import Brief
from codesign.fixed import Ints, bit_planes, unclamped
from codesign.ir.exact import product
from codesign.mapping.clipping import with_weights
from codesign.mapping.die import Die
from codesign.mapping.layer import Matrix
from codesign.mapping.mapping import Mapping, Step
from codesign.mapping.run import layers, offsets, piece_of, weights_of

BINS = 48  # bars of a histogram, at most
IMAGES = 16  # whose currents are looked at
ROWS = 2048  # inputs of a layer's matrix that are looked at


@dataclass(frozen=True)
class Spread(Brief):
    """A histogram of integers of one layer. Bar k counts the values first + k * width up to the next bar's first.

    low, high: the range of the converters' codes, absent for weights; beyond: how many values lie outside of it.
    """

    layer: str
    first: int
    width: int
    counts: tuple[int, ...]
    low: int | None = None
    high: int | None = None
    beyond: int = 0

    @property
    def total(self) -> int:
        """Values counted."""
        return sum(self.counts)

    @property
    def share(self) -> float:
        """Of the values, those outside of the converters' range, 0..1."""
        return self.beyond / self.total if self.total else 0.0


def weights(mapping: Mapping) -> tuple[Spread, ...]:
    """The integer weights of every layer, whatever the number of slices that hold them."""
    return tuple(spread(layer.name, layer.matrix) for layer in mapping.layers if isinstance(layer, Matrix))


def currents(mapping: Mapping, x: NDArray[np.generic], die: Die | None = None) -> tuple[Spread, ...]:
    """Currents of the columns of every layer, in units of a converter's code and before it is clamped.

    x: (images, features) integers, of which at most IMAGES are looked at, evenly spaced; of the inputs of a layer's
    matrix at most ROWS. Every bit plane of them, every column that holds weights and every array counts once. die: the
    measured one, if it is not the ideal one.
    """
    x = x[evenly(len(x), IMAGES)]
    edges, held, fine = layers(mapping, x, die), weights_of(mapping, die), die.fraction if die else 0
    found = []
    for step, layer in zip(mapping.steps, mapping.layers, strict=True):
        if isinstance(layer, Matrix):
            rows = layer.computed(layer.gather(edges[layer.node.source]))
            rows = rows[evenly(len(rows), ROWS)]
            found.append(_currents(mapping, step, rows, held, fine))
    return tuple(found)


def _currents(mapping: Mapping, step: Step, rows: Ints, held: dict[int, NDArray[np.int32]], fine: int) -> Spread:
    seen: dict[int, int] = {}
    for number, block in enumerate(step.blocks):
        used = with_weights(step, number, mapping)
        for span in block.spans:
            planes = bit_planes(rows[:, span.row : span.row + span.rows], step.input).reshape(-1, span.rows)
            current = product(planes, piece_of(held, step, span, len(used), mapping))
            offset = offsets(step, span.array, len(used), mapping)
            code = unclamped(current, step.trim, offset, fine)[:, used]
            values, counts = np.unique(code, return_counts=True)
            for value, count in zip(values.tolist(), counts.tolist(), strict=True):
                seen[value] = seen.get(value, 0) + count
    return _binned(step.layer, seen, mapping.chip.code.lo, mapping.chip.code.hi)


def spread(layer: str, values: NDArray[np.generic]) -> Spread:
    """The histogram of integers."""
    found, counts = np.unique(values, return_counts=True)
    return _binned(layer, dict(zip(found.tolist(), counts.tolist(), strict=True)))


def _binned(layer: str, seen: dict[int, int], low: int | None = None, high: int | None = None) -> Spread:
    first, last = min(seen), max(seen)
    width = -(-(last - first + 1) // BINS)
    counts = [0] * ((last - first) // width + 1)
    for value, count in seen.items():
        counts[(value - first) // width] += count
    beyond = 0 if low is None or high is None else sum(n for v, n in seen.items() if not low <= v <= high)
    return Spread(layer, first, width, tuple(counts), low, high, beyond)
