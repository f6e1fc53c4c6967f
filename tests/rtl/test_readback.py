"""Emitted Verilog parsed by another program and compared with the plan; broken once in every way."""

import pytest

from codesign.chip.description import Chip
from codesign.errors import ToolError
from codesign.rtl import emit, plan
from codesign.rtl.library import BLOCK, CHECKS, INNER, SYNTHESIZABLE
from codesign.rtl.readback import check, read_back
from tests.tools import needs

pytestmark = needs("iverilog")

TINY = Chip.load("tiny")


@pytest.mark.parametrize("name", ["tiny", "reference-128"])
def test_modules_are_what_the_plan_says(name: str) -> None:
    chip = Chip.load(name)
    p, files = plan(chip), emit(chip)
    modules = read_back(files)
    assert set(modules) == {*SYNTHESIZABLE, *CHECKS, *INNER, "xb_array", p.module, f"{p.module}_sim"}
    top = modules[p.module]
    assert top.ports == p.ports
    assert top.constants == p.parameters | {f"ARRAY_{k}": v for k, v in p.array.items()}
    assert [i.module for i in top.instances] == ["xb_chip"] + ["xb_array"] * chip.arrays.count
    assert top.instances[0].parameters == tuple(p.parameters)
    assert {i.parameters for i in top.instances[1:]} == {("INDEX", *p.array)}
    assert modules["xb_chip"].parameters == tuple(p.parameters)
    assert modules["xb_array"].parameters == ("INDEX", *p.array)
    sim = modules[f"{p.module}_sim"]
    blocks = -(-chip.arrays.count // BLOCK)
    checks = ["xb_checks", *["xb_check_sums"] * blocks, *["xb_check_stream"] * 3]
    assert [i.module for i in sim.instances] == [p.module, *checks]
    assert {port.name for port in p.ports} <= {port.name for port in sim.ports}
    check(p, files)


def test_model_and_black_box_must_have_the_same_pins() -> None:
    files = emit(TINY)
    files["model/xb_array.v"] = files["model/xb_array.v"].replace("input  wire                      evaluate,\n", "")
    with pytest.raises(ToolError) as told:
        read_back(files)
    assert str(told.value) == "module xb_array: two emitted files give it different pins or parameters"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("output wire irq,", "input wire irq,", "tiny_top: ports lack output irq[1]"),
        ("input wire [11:0] paddr,", "input wire [10:0] paddr,", "tiny_top: ports have unplanned input paddr[11]"),
        ("module tiny_top (", "module other_top (", "tiny_top: is not among the emitted modules"),
        (") u_array_5 (", ") u_array_6 (", "tiny_top: instances lack u_array_5 = xb_array"),
        (".LANES(LANES),", "", ""),  # a parameter left at its default is no fault of names
        (".LANES(LANES),", ".LINES(LANES),", "tiny_top.u_chip: passes unknown parameters LINES"),
        (".shift(shift),\n        .code(", ".code(", "tiny_top.u_chip: ports lack shift"),
        (".shift(shift),\n        .code(", ".shitf(shift),\n        .code(", "u_chip: ports have unplanned shitf"),
    ],
)
def test_a_broken_top_is_told(old: str, new: str, told: str) -> None:
    files = emit(TINY)
    assert old in files["tiny_top.v"]
    files["tiny_top.v"] = files["tiny_top.v"].replace(old, new, 1)
    if not told:
        check(plan(TINY), files)
        return
    with pytest.raises(ToolError) as e:
        check(plan(TINY), files)
    assert told in str(e.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("tiny_top_params.vh", "LANES = 4", "LANES = 5", "tiny_top: constants lack LANES = 4"),
        ("tiny_top_params.vh", "8'he4", "8'he5", "ARRAY_CODES = 228"),
        (
            "stub/xb_array.v",
            "parameter WRITE_BITS",
            "parameter WRITE_BIT",
            "xb_array: two emitted files give it different pins",
        ),
        ("xb_chip.v", ".run(run), .activation_address", ".activation_address", "xb_chip.u_registers: ports lack run"),
        ("xb_back.v", "xb_drain #", "xb_drains #", "xb_back.u_drain: module xb_drains is not emitted"),
        (
            "xb_drain.v",
            "module xb_drain",
            "module xb_fetch",
            "module xb_fetch: two emitted files give it different pins or parameters",
        ),
        ("xb_drain.v", "assign", "assing = ", "does not parse"),
    ],
)
def test_a_broken_file_is_told(file: str, old: str, new: str, told: str) -> None:
    files = emit(TINY)
    assert old in files[file]
    files[file] = files[file].replace(old, new, 1)
    with pytest.raises(ToolError) as e:
        check(plan(TINY), files)
    assert told in str(e.value)


def test_one_reading_leaves_nothing_to_the_next() -> None:
    """The parser is made once a process: what it read before must not show, not even in line numbers."""
    good, broken = emit(TINY), emit(TINY)
    broken["xb_drain.v"] = broken["xb_drain.v"].replace("assign", "assing = ", 1)
    first = read_back(good)
    said = []
    for _ in range(2):
        with pytest.raises(ToolError) as e:
            read_back(broken)
        said.append(str(e.value))
    assert said[0] == said[1] and "line:" in said[0]
    assert read_back(good) == first


def test_without_icarus_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match="iverilog: not found on PATH"):
        read_back(emit(TINY))
