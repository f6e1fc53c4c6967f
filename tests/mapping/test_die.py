"""Dies: maps of conductance codes."""

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.devices import Cells, draw
from codesign.errors import InputError
from codesign.fixed import Trim
from codesign.mapping import Die, Mapping, place, run
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
            "die: array 0 codes must lie in 0..3, or be -1 where a cell is healthy, got 4..4; "
            "rescale them to conductance codes",
        ),
        (
            {0: np.zeros((16, 16)), 1: np.full((16, 16), -2)},
            "die: array 1 codes must lie in 0..3, or be -1 where a cell is healthy, got -2..-2; "
            "rescale them to conductance codes",
        ),
    ],
)
def test_unfit_dies(codes: dict[int, np.ndarray], message: str) -> None:
    die = Die({a: c.astype(np.int32) for a, c in codes.items()})
    with pytest.raises(InputError) as caught:
        run(MAPPING, images(2, MAPPING.network), die)
    assert str(caught.value) == message


def test_arrays_that_a_program_does_not_use_are_ignored() -> None:
    x, junk = images(6, MAPPING.network), np.full((16, 16), 99)
    codes = Die.ideal(MAPPING).codes
    for more in ({5: junk}, {2: junk.astype(np.int32), 3: np.zeros((2, 2)), 4: None}):
        die = Die(codes | more)  # type: ignore[operator]
        assert die.check(MAPPING) is die
        assert (run(MAPPING, x, die) == run(MAPPING, x)).all()


@pytest.mark.parametrize("array", [6, -1, "0"])
def test_arrays_that_the_chip_does_not_have_are_refused(array: int) -> None:
    die = Die(Die.ideal(MAPPING).codes | {array: np.zeros((16, 16), np.int32)})
    with pytest.raises(InputError) as caught:
        run(MAPPING, images(2, MAPPING.network), die)
    assert str(caught.value) == (
        f"die: array {array} is not on chip tiny, which has arrays 0..5; give codes of its arrays only"
    )


def test_cells_outside_a_tile_do_not_count() -> None:
    codes = {a: c.copy() for a, c in Die.ideal(MAPPING).codes.items()}
    codes[0][:, 10:] = 3  # columns past the fifth
    codes[1][4:, :] = 3  # wordlines past the twentieth input
    x = images(6, MAPPING.network)
    assert (run(MAPPING, x, Die(codes)) == run(MAPPING, x)).all()


def test_a_drawn_die_covers_every_cell_of_the_used_arrays() -> None:
    mapping = fine([20, 10, 5]).mapping
    die = Die.draw(mapping, Cells(variation=0.1), 0)
    assert sorted(die.codes) == sorted(u.array for u in mapping.arrays) == [0, 1, 2, 3, 4]
    assert die.check(mapping) is die
    for use in mapping.arrays:
        unused = np.ones((16, 16), bool)
        for p in use.pieces:
            unused[p.wordline : p.wordline + p.rows, 2 * p.at : 2 * (p.at + p.columns)] = False
        assert not use.levels[unused].any()
        for cells in (c for c in (unused, ~unused) if c.any()):
            moved = die.codes[use.array][cells] != to_codes(use.levels, FINE.device)[cells]
            assert 0.3 < moved.mean() < 1  # half of the cells at an end stay there


def test_arrays_are_drawn_by_their_number() -> None:
    """Each as a whole: wires carry what all pieces in an array conduct."""
    for mapping in LAYOUTS:
        backwards = Mapping(mapping.plan, mapping.network, mapping.arrays[::-1], mapping.steps)
        for die in (Die.draw(mapping, REAL, (1, 5)), Die.draw(backwards, REAL, (1, 5))):
            assert len(die.codes) == len(mapping.arrays) > 1
            for use in mapping.arrays:
                assert (die.codes[use.array] == draw(use.levels, FINE.device, REAL, (1, 5), use.array)).all()


FREE = Cells(variation=0.1, stuck_on=0.02, stuck_off=0.02)  # of what other cells conduct
NETWORK = net([20, 4, 10, 5], FINE)
LAYOUTS = [place(NETWORK, FINE, objective=objective) for objective in ("cycles", "arrays")]


def alike(one: Die, two: Die, where: dict[int, np.ndarray]) -> bool:
    """Whether two dies hold the same in the cells that both cover and `where` marks."""
    return all((one.codes[a][cells] == two.codes[a][cells]).all() for a, cells in where.items())


def shared(one: Mapping, two: Mapping) -> dict[int, np.ndarray]:
    """Cells of equal levels in the arrays that both use; there are others."""
    levels = [{u.array: u.levels for u in m.arrays} for m in (one, two)]
    found = {a: levels[0][a] == levels[1][a] for a in levels[0].keys() & levels[1].keys()}
    assert all(cells.mean() > 0.1 for cells in found.values())
    assert sum(not cells.all() for cells in found.values()) > 1
    return found


def test_packed_and_unpacked_networks_meet_the_same_cells() -> None:
    unpacked, packed = LAYOUTS
    assert len(packed.arrays) < len(unpacked.arrays)
    dies = [Die.draw(mapping, FREE, 7) for mapping in LAYOUTS]
    assert alike(dies[0], dies[1], shared(unpacked, packed))
    assert not alike(dies[0], Die.draw(packed, FREE, 8), shared(unpacked, packed))


def test_two_programs_meet_the_same_cells() -> None:
    first, second = (fine(sizes).mapping for sizes in ([20, 10, 5], [30, 12, 7]))
    dies = [Die.draw(mapping, FREE, 7) for mapping in (first, second)]
    assert alike(dies[0], dies[1], shared(first, second))
    wired = [Die.draw(mapping, REAL, 7) for mapping in (first, second)]
    assert not alike(wired[0], wired[1], shared(first, second)), "wires see the other cells of their array"


def test_ideal_cells_draw_the_ideal_die() -> None:
    for mapping in (MAPPING, fine([20, 10, 5]).mapping):
        die, ideal = Die.draw(mapping, Cells(), 0), Die.ideal(mapping)
        assert all((die.codes[a] == ideal.codes[a]).all() for a in ideal.codes)


def test_a_program_runs_on_a_drawn_die_and_seeds_fix_it() -> None:
    program = fine([20, 10, 5])
    x = images(40, program.network)
    first, same, other = (program.run(x, die=Die.draw(program.mapping, REAL, seed)) for seed in (2, 2, 3))
    assert (first == same).all()
    assert (first != other).any() and (first != program.run(x)).any()


def test_stuck_cells_need_no_fine_codes() -> None:
    die = Die.draw(MAPPING, Cells(stuck_on=0.5, stuck_off=0.5), 0)
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
        Die.draw(MAPPING, cells, 0)
    assert str(caught.value) == message
