"""Simulations on a die that covers more of the chip than a program uses, or less."""

from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.mapping import Die
from codesign.program import Program
from codesign.sim import simulate
from codesign.sim.farm import _key
from codesign.sim.job import Job, write_die
from tests.hdl.programs import images, program

TINY = Chip.load("tiny")
SMALL = program([20, 5], TINY)  # arrays 0 and 1 of six


def of_the_chip(seed: int = 5) -> Die:
    """A measured map of all arrays."""
    codes = np.random.default_rng(seed).integers(0, 4, (6, 16, 16)).astype(np.int32)
    return Die(dict(enumerate(codes)))


def test_a_die_of_the_whole_chip(tmp_path: Path) -> None:
    """Two programs of different arrays on one map; only the arrays that a program uses have files."""
    die = of_the_chip()
    for name, p in (("small", SMALL), ("large", program([30, 11, 5], TINY))):
        x = images(3, p.network)
        result = simulate(p, x, folder=tmp_path / name, load="backdoor", die=die)
        assert result.mismatches == () and result.timing_errors == 0
        assert (result.outputs == p.run(x, die)).all() and (result.outputs != p.run(x)).any()
        assert {f.name for f in (tmp_path / name / "die").iterdir()} == {
            f"array_{u.array}.hex" for u in p.mapping.arrays
        }


def test_arrays_without_use_need_no_codes_of_any_shape(tmp_path: Path) -> None:
    die = of_the_chip()
    write_die(die, SMALL, tmp_path / "whole")
    write_die(
        Die({a: die.codes[a] if a < 2 else np.zeros((1, 1), np.int32) for a in range(6)}), SMALL, tmp_path / "two"
    )
    for folder in ("whole", "two"):
        assert sorted(f.name for f in (tmp_path / folder).iterdir()) == ["array_0.hex", "array_1.hex"]
    assert all((tmp_path / "two" / f.name).read_bytes() == f.read_bytes() for f in (tmp_path / "whole").iterdir())


def test_a_die_that_lacks_an_array_is_refused_before_anything_runs(tmp_path: Path) -> None:
    codes = of_the_chip().codes
    del codes[1]
    with pytest.raises(InputError) as caught:
        simulate(SMALL, images(2, SMALL.network), folder=tmp_path, die=Die(codes), jobs=1)
    assert str(caught.value) == "die: array 1 needs codes of shape (16, 16), got nothing; measure every used array"


def test_parts_of_a_simulation_are_kept_by_the_cells_that_it_uses(tmp_path: Path) -> None:
    def key(of: Die | None, p: Program = SMALL) -> bytes:
        return _key(Job(p, images(2, p.network), tmp_path, die=of), tmp_path)

    die, other = of_the_chip(), of_the_chip(6)
    assert key(die) == key(Die({0: die.codes[0], 1: die.codes[1]}))
    assert key(die) == key(Die(other.codes | {0: die.codes[0], 1: die.codes[1]}))
    keys = {key(None), key(die), key(other), key(Die({0: die.codes[0], 1: other.codes[1]}))}
    assert len(keys) == 4
