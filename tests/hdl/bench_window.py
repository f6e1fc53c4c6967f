"""xb_window against codesign.mapping.loads.window: runs from any place of a memory to any wordlines."""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from codesign.fixed import pack_fields
from codesign.mapping.loads import Load, window
from tests.hdl.drive import plane_vector

MOST = 600  # runs, where there are more


@cocotb.test()
async def runs_to_wordlines(dut: Any) -> None:
    word, rows, bits = (int(getattr(dut, n).value) for n in ("WORD", "ROWS", "BITS"))
    rng, draw = random.Random(2), np.random.default_rng(2)
    runs = [
        (address, wordline, count)
        for address in range(word)
        for wordline in range(rows)
        for count in range(1, min(word, rows - wordline) + 1)
    ]
    wrapped = shifted = whole = 0
    for address, wordline, count in rng.sample(runs, min(MOST, len(runs))):
        memory = draw.integers(0, 1 << bits, 2 * word)
        read = np.zeros(word, np.int64)  # activation number a lies at a modulo WORD
        read[np.arange(address, address + word) % word] = memory[address : address + word]
        dut.s_data.value, dut.turn.value = plane_vector(read, bits), (address - wordline) % word
        dut.first.value, dut.last.value = wordline, count - 1
        await Timer(1, "ns")
        want = window(memory, Load(True, address, wordline, count, (0,)), 0, rows)
        assert int(dut.m_data.value) == plane_vector(want, bits), f"{count} from {address} on to wordline {wordline}"
        lines = [int(wordline <= w < wordline + count) for w in range(rows)]
        assert int(dut.m_lines.value) == pack_fields(lines, 1)
        wrapped += address + count > word
        shifted += address % word != wordline % word
        whole += count == min(word, rows)
    assert wrapped and shifted and whole
