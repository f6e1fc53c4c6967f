"""Files that plusargs name: one that cannot be opened ends the simulation, whoever runs it."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.image import render
from codesign.mapping import Die
from codesign.sim.job import build, write_die
from tests.hdl.programs import program

TINY = Chip.load("tiny")


def said(*plusargs: str) -> str:
    """What the simulator prints on its own, without a bench: its clock would run for ever."""
    p = program([30, 11, 5], TINY)
    done = subprocess.run(
        ["vvp", "-n", build(p) / "sim.vvp", *plusargs], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def backdoor(folder: Path, without: str) -> Path:
    for name, data in render(program([30, 11, 5], TINY).mapping).items():
        if name.endswith(".hex") and name != without:
            (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("folder", ["absent", "d" * 1100])
def test_a_die_that_is_not_there(folder: str, tmp_path: Path) -> None:
    assert "codesign: cannot open " in said(f"+die={tmp_path / folder}")


@pytest.mark.parametrize("array", [0, 1])
def test_a_die_without_one_of_its_arrays(array: int, tmp_path: Path) -> None:
    p = program([30, 11, 5], TINY)
    rng = np.random.default_rng(5)
    shape = (TINY.arrays.rows, TINY.arrays.columns)
    write_die(Die({u.array: rng.integers(0, 4, shape).astype(np.int32) for u in p.mapping.arrays}), p, tmp_path)
    missing = tmp_path / f"array_{array}.hex"
    missing.unlink()
    mask = sum(1 << u.array for u in p.mapping.arrays)
    assert said(f"+die={tmp_path}", f"+arrays={mask:x}").splitlines()[0] == f"codesign: cannot open {missing}"


@pytest.mark.parametrize(("without", "arrays"), [("array_1.hex", "+arrays=2"), ("array_0_trim.hex", "+arrays=0")])
def test_a_backdoor_without_one_of_its_arrays(without: str, arrays: str, tmp_path: Path) -> None:
    told = said(f"+backdoor={backdoor(tmp_path, without)}", arrays)
    assert told.splitlines()[0] == f"codesign: cannot open {tmp_path / without}"
