"""Each invariant that every chip simulation checks, broken once: the simulation ends and says which."""

from pathlib import Path
from typing import Any

import pytest

from codesign.chip.description import Chip
from codesign.errors import ToolError
from codesign.fixed import IntType
from codesign.sim import Pauses, simulate
from tests.hdl.mutants import Mutant
from tests.hdl.programs import images, program

BLOCKED = {"pauses": Pauses(output=0.9)}
BUS = {"load": "bus"}
DROPPED = "an offered word was dropped or changed"

FAULTS: dict[str, tuple[Mutant, dict[str, Any], str]] = {
    "wordline": (
        Mutant("xb_wordlines.v", "wordline = driven & drives;", "wordline = driven;"),
        {},
        "X on a wordline",
    ),
    "output": (
        Mutant("xb_stream_out.v", "else if (m_valid && m_ready)", "else if (m_valid)"),
        BLOCKED,
        f"u_check_output, time .*{DROPPED}",
    ),
    "requant": (
        Mutant("xb_requant.v", "!valid_2 || m_ready;", "1'b1;"),
        BLOCKED,
        f"u_check_requant, time .*{DROPPED}",
    ),
    "drain": (
        Mutant("xb_drain.v", "m_valid && m_ready;", "m_valid;"),
        BLOCKED,
        f"u_check_drain, time .*{DROPPED}",
    ),
    "pins": (
        Mutant("xb_convert.v", "            group <= {GROUP_BITS{1'b0}};\n", ""),
        {},
        "X on a macro pin",
    ),
    "range": (
        Mutant("xb_convert.v", "shift = step_shift;", "shift = active ? step_shift : 4'bx;"),
        {},
        "X on a macro pin",
    ),
    "address": (
        Mutant("xb_loader.v", "write_address <= {WRITE_BITS{1'b0}};", ""),
        {},
        "X on a macro pin",
    ),
    "steps": (
        Mutant("xb_fetch.v", "in_flight <= in_flight + {2'd0, ends}", "in_flight <= in_flight"),
        {},
        "instances in flight were miscounted",
    ),
    "banks": (
        Mutant("xb_fetch.v", "(step_vector || occupied != 2'd2) && ", ""),
        BLOCKED,
        "more than 2 wordline banks in use",
    ),
    "buffers": (
        Mutant("xb_convert.v", " && buffers != 2'd2", ""),
        BLOCKED,
        "more than 2 accumulator buffers in use",
    ),
    "operands": (
        Mutant("xb_front.v", ".s_valid(operand_loaded)", ".s_valid(step_loaded)"),
        {},
        "an operand comes that has no room",
    ),
    "strobes": (
        Mutant("xb_loader.v", "write_tiles <= kind == `XB_KIND_TILES;", "write_tiles <= kind == `XB_KIND_STEPS;"),
        BUS,
        "two memories are written at once",
    ),
    "hidden": (
        Mutant("xb_back.v", "activation_valid = q_valid && !q_raw;", "activation_valid = q_valid || !q_raw;"),
        {},
        "an activation is written that was not drained",
    ),
    "sums": (
        Mutant("xb_scan.v", "total <= (sum & guard) + ((", "total <= ~(sum & guard) + (("),
        {},
        "a sum reaches its field's top bit",
    ),
    "accumulators": (
        Mutant("xb_accumulate.v", "1'b0} & guard) + (s_sum & guard)", "1'b0} & guard) + (s_sum | ~guard)"),
        {},
        "an accumulator reaches its field's top bit",
    ),
}
ONE_LAYER = ("steps", "banks", "buffers")  # steps that wait for none crowd the chip
DEFAULT = ("wordline", "output")


@pytest.mark.parametrize("name", [n if n in DEFAULT else pytest.param(n, marks=pytest.mark.slow) for n in FAULTS])
def test_a_violated_invariant_ends_the_simulation(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, options, said = FAULTS[name]
    sizes = [20, 7] if name in ONE_LAYER else [20, 10, 7]
    p = program(sizes, Chip.load("tiny"), kind=IntType(3), hidden=IntType(4))
    x = images(20, p.network)
    options = {"load": "backdoor", **options}
    mutant.install(monkeypatch, tmp_path)
    with pytest.raises(ToolError, match=f"violated: tiny_top_sim.*{said}"):
        simulate(p, x, **options)
