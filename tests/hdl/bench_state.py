"""What a chip holds after it was programmed over the bus, or through the backdoor: dumped to $STATE."""

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from codesign.sim.benches.chip_bench import program, reset


def memory(handle: Any) -> list[str]:
    """Every entry as text, so that unknown bits compare too."""
    return [str(handle[k].value) for k in handle.range]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def dump(dut: Any) -> None:
    words = [int(w) for w in np.load(os.environ["JOB"])["words"]]
    bus = await reset(dut)
    await program(dut, bus, words, os.environ["LOAD"] == "backdoor")
    chip = dut.dut
    tables = ("steps", "loads", "tiles", "constants")
    state = {t: memory(getattr(chip.u_chip.u_core, f"u_{t}").mem) for t in tables}
    for k in range(int(os.environ["ARRAYS"])):
        array = getattr(chip, f"u_array_{k}").u_packed
        for name in ("level", "trim"):
            state[f"array {k} {name}"] = memory(getattr(array, name))
    loader = ("state", "reason", "word", "image_crc", "program_steps", "program_beats")
    state["loader"] = [str(getattr(chip.u_chip.u_loader, n).value) for n in loader]
    Path(os.environ["STATE"]).write_text(json.dumps(state))
