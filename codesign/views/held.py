"""What the cells of a die hold, beside the levels that a program gives them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.fixed import Ints
from codesign.mapping import Die, Mapping
from codesign.mapping.cells import to_codes
from codesign.views.floor import with_weights

SHARES = (64, 16, 4)  # parts of the highest level's conductance at which deviations change class
CLASSES = len(SHARES) + 1  # of cells that conduct more, and of those that conduct less


@dataclass(frozen=True, eq=False)
class Held(Brief):
    """One array of a die under a program; all are (wordlines, bitlines).

    deviation: what a cell holds less what its level should, in the map's steps (2^-fraction codes). known: whether the
    map tells what it holds, as of stuck and of measured cells; all others hold their level. moved: whether the nearest
    level is another one than programmed, +1 if a higher one, -1 if a lower one. used: whether it holds a weight.
    """

    array: int
    deviation: Ints
    known: NDArray[np.bool_]
    moved: NDArray[np.int8]
    used: NDArray[np.bool_]
    top: int  # what the highest level holds, in steps

    @property
    def classes(self) -> NDArray[np.int8]:
        """How far a cell is off: 0 at its level, else 1 (at most 1/64 of what the highest level conducts) to CLASSES
        (more than 1/4), negative where it conducts less."""
        size = np.abs(self.deviation).astype(np.int64)
        found = (size > 0).astype(np.int8) + sum((size * share > self.top).astype(np.int8) for share in SHARES)
        return np.asarray(np.sign(self.deviation) * found, dtype=np.int8)


@dataclass(frozen=True)
class Counts(Brief):
    """Cells of a layer that hold weights: all, those that the map tells of, and those off their level."""

    layer: str
    cells: int
    known: int
    off: int
    higher: int  # whose nearest level is a higher one
    lower: int


def held(mapping: Mapping, die: Die) -> tuple[Held, ...]:
    """The arrays that a program uses, in its order. Raises InputError as `Die.check`."""
    device = mapping.chip.device
    codes, fine = np.array(device.codes, dtype=np.int64), die.fraction
    between = (codes[:-1] + codes[1:]) << fine  # twice the middle between neighbouring levels
    full, found = die.on(mapping), []
    for use in mapping.arrays:
        here = full.codes[use.array].astype(np.int64)
        should = to_codes(use.levels, device).astype(np.int64) << fine
        moved = np.sign(np.searchsorted(between, 2 * here) - np.searchsorted(between, 2 * should)).astype(np.int8)
        known = die.codes[use.array] >= 0
        found.append(Held(use.array, here - should, known, moved, with_weights(use), int(codes[-1]) << fine))
    return tuple(found)


def by_layer(mapping: Mapping, arrays: tuple[Held, ...]) -> tuple[Counts, ...]:
    """How many cells of each layer deviate, in the order of the layers."""
    names = [step.layer for step in mapping.steps if not step.is_vector]
    sums = {name: np.zeros(5, dtype=np.int64) for name in names}
    for use, one in zip(mapping.arrays, arrays, strict=True):
        for p in use.pieces:
            at = np.s_[p.wordline : p.wordline + p.rows, 2 * p.at : 2 * (p.at + p.columns)]
            off, moved = one.deviation[at] != 0, one.moved[at]
            sums[p.layer] += [off.size, one.known[at].sum(), off.sum(), (moved > 0).sum(), (moved < 0).sum()]
    return tuple(Counts(name, *(int(n) for n in sums[name])) for name in dict.fromkeys(names))
