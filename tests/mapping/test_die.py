"""Dies: maps of conductance codes."""

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.devices import Cells, draw
from codesign.errors import InputError
from codesign.fixed import Trim
from codesign.mapping import Die, place, run
from codesign.mapping.cells import to_codes
from codesign.program import Program
from tests.hdl.programs import images, net

TINY = Chip.load("tiny")
MAPPING = place(net([20, 5], TINY), TINY)
FINE = TINY.model_copy(update={"device": Device(levels=4, code_bits=8)})
REAL = Cells(variation=0.1, stuck_on=0.02, stuck_off=0.02, wire=1e-3)


def fine(sizes: list[int]) -> Program:
    """A program for cells that can show deviations; 256 steps of current make a code."""
    network = net(sizes, FINE)
    return Program(place(network, FINE, {n.name: Trim(1, 8) for n in network.nodes}))


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
            "die: array 0 codes must lie in 0..3, got 4..4; rescale them to conductance codes",
        ),
        (
            {0: np.zeros((16, 16)), 1: np.full((16, 16), -1)},
            "die: array 1 codes must lie in 0..3, got -1..-1; rescale them to conductance codes",
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


def test_a_drawn_die_covers_every_cell_of_the_used_arrays() -> None:
    mapping = fine([20, 10, 5]).mapping
    die = Die.draw(mapping, Cells(variation=0.1), np.random.default_rng(0))
    assert sorted(die.codes) == sorted(u.array for u in mapping.arrays) == [0, 1, 2, 3, 4]
    assert die.check(mapping) is die
    for use in mapping.arrays:
        unused = np.ones((16, 16), bool)
        unused[: use.rows, : 2 * use.columns] = False
        assert not use.levels[unused].any()
        for cells in (c for c in (unused, ~unused) if c.any()):
            moved = die.codes[use.array][cells] != to_codes(use.levels, FINE.device)[cells]
            assert 0.3 < moved.mean() < 1  # half of the cells at an end stay there


def test_arrays_are_drawn_in_order_of_their_number() -> None:
    mapping = fine([20, 10, 5]).mapping
    rng = np.random.default_rng(1)
    by_hand = {u.array: draw(u.levels, FINE.device, REAL, rng) for u in sorted(mapping.arrays, key=lambda u: u.array)}
    shuffled = type(mapping)(mapping.plan, mapping.network, mapping.arrays[::-1], mapping.steps)
    for m in (mapping, shuffled):
        die = Die.draw(m, REAL, np.random.default_rng(1))
        assert list(die.codes) == list(by_hand)
        assert all((die.codes[a] == by_hand[a]).all() for a in by_hand)


def test_ideal_cells_draw_the_ideal_die() -> None:
    for mapping in (MAPPING, fine([20, 10, 5]).mapping):
        die, ideal = Die.draw(mapping, Cells(), np.random.default_rng(0)), Die.ideal(mapping)
        assert all((die.codes[a] == ideal.codes[a]).all() for a in ideal.codes)


def test_a_program_runs_on_a_drawn_die_and_seeds_fix_it() -> None:
    program = fine([20, 10, 5])
    x = images(40, program.network)
    first, same, other = (
        program.run(x, die=Die.draw(program.mapping, REAL, np.random.default_rng(seed))) for seed in (2, 2, 3)
    )
    assert (first == same).all()
    assert (first != other).any() and (first != program.run(x)).any()


def test_stuck_cells_need_no_fine_codes() -> None:
    die = Die.draw(MAPPING, Cells(stuck_on=0.5, stuck_off=0.5), np.random.default_rng(0))
    assert set(np.unique(die.codes[0]).tolist()) == {0, 3}
    x = images(6, MAPPING.network)
    assert (run(MAPPING, x, die) != run(MAPPING, x)).any()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            Cells(variation=0.1),
            "cells: 2-bit conductance codes are too coarse for variation 0.1 between 4 levels; "
            "raise chip.device.code_bits to 5 or more",
        ),
        (
            Cells(read_noise=0.5),
            "cells: read_noise must be 0 for a die, got 0.5: it changes with every conversion, "
            "so no cell can hold it; set read_noise = 0",
        ),
    ],
)
def test_what_a_die_cannot_show_is_refused(cells: Cells, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Die.draw(MAPPING, cells, np.random.default_rng(0))
    assert str(caught.value) == message
