"""What a die holds against its program, cell by cell, as a plain walk through the cells counts it."""

import numpy as np
import pytest

from codesign.mapping import Die
from codesign.program import Program
from codesign.views.held import CLASSES, by_layer, held
from tests.program.builds import built


def die_of(p: Program, seed: int, fraction: int, share: float) -> Die:
    """Some cells of the arrays are known and hold anything that the map can count, all others are healthy."""
    rng, device = np.random.default_rng(seed), p.chip.device
    shape = (p.chip.arrays.rows, p.chip.arrays.columns)
    most = (1 << device.code_bits + fraction) - 1
    codes = {
        u.array: np.where(rng.random(shape) < share, rng.integers(0, most + 1, shape), -1).astype(np.int32)
        for u in p.mapping.arrays
    }
    return Die(codes, fraction)


@pytest.mark.parametrize("fraction", [0, 3])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_every_cell(fraction: int, share: float) -> None:
    p = built()
    die, device = die_of(p, 5, fraction, share), p.chip.device
    counts = {c.layer: [c.cells, c.known, c.off, c.higher, c.lower] for c in by_layer(p.mapping, held(p.mapping, die))}
    ideal, seen = [code << fraction for code in device.codes], set()
    mine = {name: [0] * 5 for name in counts}
    for use, one in zip(p.mapping.arrays, held(p.mapping, die), strict=True):
        assert one.array == use.array and one.top == ideal[-1]
        layer = {}
        for piece in use.pieces:
            for row in range(piece.wordline, piece.wordline + piece.rows):
                for column in range(2 * piece.at, 2 * (piece.at + piece.columns)):
                    layer[row, column] = piece.layer
        for (row, column), code in np.ndenumerate(die.codes[use.array]):
            level = int(use.levels[row, column])
            off = 0 if code < 0 else int(code) - ideal[level]
            nearest = min(range(device.levels), key=lambda k: (abs(ideal[level] + off - ideal[k]), k))
            kind = sum(abs(off) * part > ideal[-1] for part in (64, 16, 4)) + (off != 0)
            assert one.deviation[row, column] == off and one.known[row, column] == (code >= 0)
            assert one.moved[row, column] == np.sign(nearest - level)
            assert one.classes[row, column] == (kind if off > 0 else -kind)
            assert one.used[row, column] == ((row, column) in layer)
            seen.add(int(one.classes[row, column]))
            if (row, column) in layer:
                added = [True, bool(code >= 0), off != 0, nearest > level, nearest < level]
                mine[layer[row, column]] = [a + b for a, b in zip(mine[layer[row, column]], added, strict=True)]
    assert mine == counts and all(n > 0 for row in mine.values() for n in row)
    assert {-CLASSES, 0, CLASSES} <= seen and len(seen) > (4 if fraction else 2)


def test_an_ideal_die_is_off_nowhere() -> None:
    p = built()
    for one in held(p.mapping, Die.ideal(p.mapping)):
        assert not one.deviation.any() and not one.classes.any() and not one.moved.any() and one.known.all()
