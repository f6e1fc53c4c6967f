"""Dies: maps of conductance codes."""

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.hardware import Chip
from codesign.mapping import Die, place, run
from codesign.mapping.cells import to_codes
from hdl.programs import images, net

TINY = Chip.load("tiny")
MAPPING = place(net([20, 5], TINY), TINY)


def test_the_ideal_die_changes_nothing() -> None:
    x = images(6, MAPPING.network)
    die = Die.ideal(MAPPING)
    assert sorted(die.codes) == [0, 1]
    assert (die.codes[1] == to_codes(MAPPING.arrays[1].levels, TINY.device)).all()
    assert die.check(MAPPING) is die
    assert (run(MAPPING, x, die) == run(MAPPING, x)).all()


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ({0: np.zeros((16, 16))}, "die: array 1 needs codes of shape (16, 16), got nothing; measure every used array"),
        (
            {0: np.zeros((16, 16)), 1: np.zeros((16, 8))},
            "die: array 1 needs codes of shape (16, 16), got shape (16, 8); measure every used array",
        ),
        (
            {0: np.full((16, 16), 4), 1: np.zeros((16, 16))},
            "die: array 0 codes must lie in 0..3, got 4..4; rescale to g_lsb",
        ),
        (
            {0: np.zeros((16, 16)), 1: np.full((16, 16), -1)},
            "die: array 1 codes must lie in 0..3, got -1..-1; rescale to g_lsb",
        ),
    ],
)
def test_unfit_dies(codes: dict[int, np.ndarray], message: str) -> None:
    die = Die({a: c.astype(np.int32) for a, c in codes.items()})
    with pytest.raises(InputError) as caught:
        run(MAPPING, images(2, MAPPING.network), die)
    assert str(caught.value) == message


def test_cells_outside_a_tile_do_not_count() -> None:
    codes = {a: c.copy() for a, c in Die.ideal(MAPPING).codes.items()}
    codes[0][:, 10:] = 3  # columns past the fifth
    codes[1][4:, :] = 3  # wordlines past the twentieth input
    x = images(6, MAPPING.network)
    assert (run(MAPPING, x, Die(codes)) == run(MAPPING, x)).all()
