"""A small chip, which one build simulates for many networks."""

import pytest

from codesign.chip.description import Chip
from codesign.fixed import IntType, Trim
from codesign.program import Program
from codesign.rtl import emit
from codesign.sim import job
from tests.hdl.programs import program

SMALL = Chip.model_validate(
    {
        "name": "small",
        "arrays": {"count": 3, "rows": 8, "columns": 8},
        "device": {"levels": 4, "code_bits": 2},
        "adc": {"bits": 6, "lanes": 2},
        "memory": {"steps": 4, "loads": 8, "tiles": 8, "constants": 16, "input_words": 8, "activation_words": 8},
        "bus": {"stream_bytes": 2},
    }
)
NETWORKS = {
    "one-layer-u8": ([5, 3], IntType(8), IntType(8), {}),
    "two-layers-i4-u3": ([12, 4, 3], IntType(4, True), IntType(3), {}),
    "trimmed-u1-i8": ([13, 4, 2], IntType(1), IntType(8, True), {"fc1": Trim(3, 1), "fc2": Trim(1, 1)}),
}


def prepared(name: str) -> Program:
    sizes, kind, hidden, trims = NETWORKS[name]
    return program(sizes, SMALL, trims, kind=kind, hidden=hidden, seed=3)


def harmed(monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str, simulator: str = "verilator") -> None:
    """Chips whose file `name` differs for one simulator alone: Verilator's clock comes from outside."""

    def emit_harmed(chip: Chip) -> dict[str, str]:
        files = emit(chip)
        assert files[name].count(old) == 1
        there, elsewhere = (new, old) if simulator == "verilator" else (old, new)
        split = f"`ifdef XB_EXTERNAL_CLOCK\n{there}\n`else\n{elsewhere}\n`endif\n"
        return files | {name: files[name].replace(old, split)}

    monkeypatch.setattr(job, "emit", emit_harmed)
