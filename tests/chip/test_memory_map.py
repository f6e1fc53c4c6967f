"""The memory map of a chip against what its image may hold and its Verilog's parameters."""

import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import KINDS
from codesign.chip.memory_map import memory_map
from codesign.chip.registers import REGISTERS
from codesign.image.words import limits
from codesign.rtl import emit, plan


@pytest.mark.parametrize("name", ["tiny", "reference-128", "lenet-128"])
def test_sizes(name: str) -> None:
    chip = Chip.load(name)
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in memory_map(chip).splitlines()[2:]]
    found = {what: (where, holds) for what, where, holds in rows}
    assert len(found) == len(rows) == len(REGISTERS) + 8 + 3
    words = limits(chip)
    for code in KINDS:
        where, holds = found[code.name]
        count, _, each = holds.split(" words")[0].replace(",", "").rpartition(" x ")
        assert where == f"sections of kind {code.value}"
        assert int(count or 1) * int(each) == words[code.value], code.name
        assert holds.endswith(f"in each of {chip.arrays.count} arrays") is (code.name in ("cells", "trims"))
    p = plan(chip).parameters
    last = p["ACTIVATION_WORDS"] * p["WORD"] - 1
    assert found["activation memory"] == (f"ACTIVATION_ADDRESS 0 to {last:,}", "4 activations a read")
    assert found["input stream"][1].startswith(f"{p['STREAM_BYTES']} bytes a beat")
    assert all(found[r.name] == (f"offset 0x{r.offset:03x} ({r.access})", "32 bits") for r in REGISTERS)
    assert memory_map(chip) in emit(chip)["README.md"]
