"""Which cells of a die hurt a program most: ranked by what they add to the sums, then measured one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints
from codesign.mapping.cells import to_codes
from codesign.mapping.die import Die
from codesign.mapping.layer import Matrix
from codesign.mapping.mapping import Mapping
from codesign.mapping.run import layers, run

SAMPLE = 256  # images that rank the cells


@dataclass(frozen=True)
class Harm:
    """A cell that holds something else than its level, and what changes if it alone were right."""

    array: int
    wordline: int
    bitline: int
    held: float  # conductance codes
    wanted: int
    share: float  # of the power of its layer's sums that its deviation adds
    outputs: int  # images whose outputs change
    correct: int  # images more that are classified correctly


def deviating(mapping: Mapping, die: Die) -> int:
    """Cells of the program's weights that hold something else than their level."""
    held, found = die.on(mapping), 0
    for use in mapping.arrays:
        off = held.codes[use.array] != to_codes(use.levels, mapping.chip.device) << held.fraction
        for p in use.pieces:
            found += int(off[p.wordline : p.wordline + p.rows, 2 * p.at : 2 * (p.at + p.columns)].sum())
    return found


def harm(
    mapping: Mapping, die: Die, x: NDArray[np.generic], labels: Ints, most: int = 10, adc: bool = True
) -> list[Harm]:
    """The cells that hurt most, the worst first, for integer inputs (images, features) and labels (images,).

    Cells are ranked by (deviation * input)^2 of a typical image as a share of the power of their layer's sums; for the
    first of them, the whole program runs again with this cell at its level.
    """
    held = die.on(mapping)
    ranked = sorted(_ranked(mapping, held, x[:SAMPLE]), key=lambda found: (-found[0], found[1:]))[:most]
    base = run(mapping, x, held, adc)
    right = base.argmax(axis=1) == labels
    found = []
    levels = {u.array: u.levels for u in mapping.arrays}
    for share, array, wordline, bitline in ranked:
        codes = held.codes[array].copy()
        wanted = mapping.chip.device.codes[int(levels[array][wordline, bitline])]
        was = int(codes[wordline, bitline])
        codes[wordline, bitline] = wanted << die.fraction
        outputs = run(mapping, x, Die(held.codes | {array: codes}, die.fraction), adc)
        gained = int((outputs.argmax(axis=1) == labels).sum()) - int(right.sum())
        changed = int((outputs != base).any(axis=1).sum())
        code = was / (1 << die.fraction)
        found.append(Harm(array, wordline, bitline, code, wanted, share, changed, gained))
    return sorted(found, key=lambda h: (-h.correct, -h.share))


def _ranked(mapping: Mapping, held: Die, x: NDArray[np.generic]) -> Iterator[tuple[float, int, int, int]]:
    """Share of power, array, wordline and bitline of every cell that deviates."""
    edges, device = layers(mapping, x), mapping.chip.device
    for layer in mapping.layers:
        if not isinstance(layer, Matrix):
            continue
        rows = layer.gather(edges[layer.node.source]).astype(np.float64)
        power = (rows**2).mean(axis=0)  # of each input
        sums = rows @ layer.matrix
        whole = float((sums**2).mean()) or 1.0
        for use in mapping.arrays:
            ideal = to_codes(use.levels, device) << held.fraction
            off = (held.codes[use.array] - ideal) / (1 << held.fraction)
            for p in use.pieces:
                if p.layer != layer.name:
                    continue
                part = off[p.wordline : p.wordline + p.rows, 2 * p.at : 2 * (p.at + p.columns)]
                weight = device.levels ** (2 * p.slice) * power[p.row : p.row + p.rows, None] / whole
                for wordline, bitline in np.argwhere(part != 0).tolist():
                    share = float(part[wordline, bitline] ** 2 * weight[wordline, 0])
                    yield share, use.array, p.wordline + wordline, 2 * p.at + bitline
