"""Faults that only unusual geometries and shared arrays show are told by tests of the default suite."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import ToolError
from codesign.fixed import IntType, Trim
from codesign.mapping import layers
from codesign.program import Program
from codesign.sim import simulate
from tests.hdl import (
    test_array,
    test_convert,
    test_drain,
    test_fetch,
    test_memory,
    test_requant,
    test_window,
    test_wordlines,
)
from tests.hdl.geometries import shaped
from tests.hdl.mutants import Mutant
from tests.hdl.programs import images, program
from tests.hdl.walked import WALKS

Run = Callable[[Path], None]


def fetches(folder: Path) -> None:
    test_fetch.test_fetch("wide-word", folder)


def converts(folder: Path) -> None:
    test_convert.test_convert("tiny", folder)


def drains(folder: Path) -> None:
    test_drain.test_drain("wide-word", folder)


def requantizes(folder: Path) -> None:
    test_requant.test_requant(8, 20, 8, 6, folder)


def adds_terms(folder: Path) -> None:
    test_requant.test_requant(1, 6, 1, 3, folder)


def remembers(folder: Path) -> None:
    test_memory.test_memory(3, 8, 5, 3, folder)


def turns(folder: Path) -> None:
    test_window.test_window(8, 21, 3, folder)


def clears(folder: Path) -> None:
    test_wordlines.test_wordlines(3, 5, 3, folder)


def samples(folder: Path) -> None:
    test_array.test_programmed_over_the_bus(test_array.CHIPS["tiny"], folder)


def simulated(p: Program, folder: Path) -> None:
    """The whole chip: words and cycles, of layers that all tell images apart."""
    x = images(6, p.network)
    assert all(len(np.unique(values, axis=0)) > 3 for values in layers(p.mapping, x).values())
    result = simulate(p, x, load="backdoor", folder=folder)
    assert result.mismatches == () and result.timing_errors == 0


def forty_arrays(folder: Path) -> None:
    p = program([60, 60, 4], shaped("forty-arrays", 40), kind=IntType(3), hidden=IntType(4))
    assert max(a for s in p.mapping.steps for b in s.blocks for a in b.arrays[1:]) > 32
    simulated(p, folder)


def shared_arrays(folder: Path) -> None:
    """Layers that share arrays, with weights in slices and a range of its own for each."""
    trims = {"fc1": Trim(1, 1), "fc2": Trim(3, 2), "fc3": Trim(1, 0)}
    simulated(Program(WALKS["wide-word"].mapping(IntType(3), IntType(4), trims)), folder)


LATE = "reg [7:0] late; always @(posedge clk) if (bank_free) late <= step_gain; assign gain = late;"
ALWAYS = "`XB_OP_ADD ? earlier + {{(WIDE-BIAS){bias[BIAS-1]}}, bias} :"
ZERO = "if (lane != 4 && {16'd0, columns} > lane)"
FAULTS: dict[str, tuple[Mutant, tuple[Run, ...]]] = {
    "links-of-arrays-above-32": (Mutant("xb_front.v", "LINKED_LOW(MASK_WORDS)", "LINKED_LOW(1)"), (forty_arrays,)),
    "lane-4-is-zero": (Mutant("xb_requant.v", "if ({16'd0, columns} > lane)", ZERO), (requantizes,)),
    "writes-stay-in-their-word": (
        Mutant("xb_memory.v", "odd_data = write_odd ? low : high", "odd_data = low"),
        (remembers,),
    ),
    "turned-the-wrong-way": (Mutant("xb_window.v", "}} >> turn;", "}} << turn;"), (turns, shared_arrays)),
    "turned-for-wordline-0": (
        Mutant("xb_fetch.v", "[9:0]) - load_wordline;", "[9:0]);"),
        (fetches, shared_arrays),
    ),
    "a-wordline-off": (
        Mutant("xb_front.v", "load_entry[`XB_LOAD_WORDLINE])", "load_entry[`XB_LOAD_WORDLINE] + 10'd1)"),
        (shared_arrays,),
    ),
    "run-a-wordline-off": (
        Mutant("xb_fetch.v", "load_first <= load_wordline;", "load_first <= load_wordline + 10'd1;"),
        (fetches, shared_arrays),
    ),
    "nothing-is-cleared": (
        Mutant("xb_wordlines.v", "again = load_arrays & touched;", "again = load_arrays;"),
        (clears, shared_arrays),
    ),
    "range-a-step-late": (Mutant("xb_convert.v", "assign gain = step_gain;", LATE), (converts, shared_arrays)),
    "range-not-held": (Mutant("model/xb_array_packed.v", "value * held_gain", "value * {24'd0, gain}"), (samples,)),
    "bias-in-every-term": (Mutant("xb_requant.v", "`XB_OP_ADD ? earlier :", ALWAYS), (adds_terms,)),
    "correction-of-half-the-run": (
        Mutant("xb_drain.v", "- {1'b0, tile_correction}", "- {1'b0, tile_correction >> 1}"),
        (drains, shared_arrays),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "run"), [(name, run) for name, (_, runs) in FAULTS.items() for run in runs])
def test_killed(name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "right")
    FAULTS[name][0].install(monkeypatch, tmp_path)
    with pytest.raises((ToolError, AssertionError)) as told:
        run(tmp_path / "wrong")
    assert "does not compile" not in str(told.value)
