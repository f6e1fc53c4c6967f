"""Faults that only unusual geometries show are told by tests of the default suite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codesign.errors import ToolError
from tests.hdl import test_chip, test_drain, test_requant
from tests.hdl.geometries import walked
from tests.hdl.mutants import Mutant

Run = Callable[[Path], None]


def drains(folder: Path) -> None:
    for chip, sizes in walked("one-array"):
        test_drain.test_drain(chip, sizes, folder / chip.name)


def requantizes(folder: Path) -> None:
    test_requant.test_requant(8, 20, 8, 6, folder)


def forty_arrays(folder: Path) -> None:
    test_chip.test_other_chips(test_chip.FORTY, [60, 16, 4], [], 8, folder)


MUTANTS: dict[str, tuple[Mutant, Run]] = {
    "units-no-power-of-two": (
        Mutant("xb_drain.v", "{{(32-UNIT_BITS){1'b0}}, unit} == UNITS - 1", "UNITS == 1 || &unit"),
        drains,
    ),
    "links-of-arrays-above-32": (Mutant("xb_front.v", "LINKED_LOW(MASK_WORDS)", "LINKED_LOW(1)"), forty_arrays),
    "lane-4-is-zero": (
        Mutant("xb_requant.v", "if ({16'd0, columns} > lane)", "if (lane != 4 && {16'd0, columns} > lane)"),
        requantizes,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_killed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, run = MUTANTS[name]
    run(tmp_path / "right")
    mutant.install(monkeypatch, tmp_path)
    with pytest.raises((ToolError, AssertionError)) as told:
        run(tmp_path / "wrong")
    assert "does not compile" not in str(told.value)
