"""Yosys takes the emitted chip, with the array macro as a black box."""

import re
import subprocess
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.rtl import emit, plan
from tests.hdl.geometries import shaped, smallest
from tests.tools import needs

pytestmark = needs("yosys")

ELABORATE = "proc; opt; check -assert; stat"
CHIPS = [Chip.load("tiny"), smallest(), shaped("three-lanes", 5, 24, 12, lanes=3, word=8)]


def yosys(chip: Chip, script: str, folder: Path) -> str:
    """What Yosys says about the emitted chip, after `hierarchy -check` and `script`."""
    files, top = emit(chip), plan(chip).module
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    sources = " ".join(line for line in files[f"{top}.f"].split() if not line.startswith("+"))
    commands = f"read_verilog -I. {sources}; hierarchy -check -top {top}; {script}"
    done = subprocess.run(["yosys", "-p", commands], cwd=folder, capture_output=True, text=True, timeout=900)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    return said


def told(said: str) -> list[str]:
    """Lines that a designer must look at."""
    return [line for line in said.splitlines() if re.match(r"Warning|ERROR|Latch inferred", line)]


def macros(said: str) -> int:
    """Array macros in the flat count at the end of `stat`."""
    return int(re.findall(r"^ +xb_array +(\d+)$", said, re.M)[-1])


@pytest.mark.slow
@pytest.mark.parametrize("chip", CHIPS, ids=lambda c: c.name)
def test_elaborates_without_latches_or_warnings(chip: Chip, tmp_path: Path) -> None:
    said = yosys(chip, ELABORATE, tmp_path)
    assert told(said) == []
    assert "$dlatch" not in said
    assert "found and reported 0 problems" in said.lower()
    assert macros(said) == chip.arrays.count


def test_a_latch_would_be_told(tmp_path: Path) -> None:
    (tmp_path / "latch.v").write_text("module latch (input a, b, output reg q); always @* if (a) q = b; endmodule\n")
    script = f"read_verilog latch.v; hierarchy -check -top latch; {ELABORATE}"
    done = subprocess.run(["yosys", "-p", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert len(told(done.stdout)) == 1


@pytest.mark.slow
def test_synthesizes_to_gates(tmp_path: Path) -> None:
    said = yosys(CHIPS[0], f"synth -flatten -top {plan(CHIPS[0]).module}; check -assert; stat", tmp_path)
    assert "$_DLATCH" not in said
    assert macros(said) == CHIPS[0].arrays.count
    cells = int(re.findall(r"Number of cells: +(\d+)", said)[-1])
    assert cells > 1000
