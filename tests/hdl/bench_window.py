"""xb_window against codesign.mapping.loads.window: runs from any place of a memory to any wordlines.

What is not real is unknown where it comes from.
"""

import random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer
from cocotb.types import LogicArray

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
    wrapped = shifted = whole = none = 0
    cut = [0, 0]  # runs without their first, without their last activation
    for address, wordline, count in rng.sample(runs, min(MOST, len(runs))):
        memory = draw.integers(0, 1 << bits, 2 * word)
        read = np.zeros(word, np.int64)  # activation number a lies at a modulo WORD
        read[np.arange(address, address + word) % word] = memory[address : address + word]
        dut.turn.value = (address - wordline) % word
        dut.first.value, dut.last.value = wordline, count - 1
        # The activations of the run that are inside the picture: all, a part, or none.
        skipped = rng.choice((0, rng.randrange(count)))
        end = rng.choice((0, wordline + count, rng.randint(wordline + skipped, wordline + count)))
        dut.real_first.value, dut.real_end.value = wordline + skipped, end
        real = {(address + w - wordline) % word for w in range(wordline + skipped, end)}
        known = f"{plane_vector(read, bits):0{word * bits}b}"  # the last character is bit 0
        places = [(len(known) - 1 - at) % word for at in range(len(known))]
        dut.s_data.value = LogicArray("".join(c if p in real else "X" for c, p in zip(known, places, strict=True)))
        await Timer(1, "ns")
        want = window(memory, Load(True, address, wordline, count, (0,)), 0, rows)
        want[: wordline + skipped] = want[end:] = 0
        assert int(dut.m_data.value) == plane_vector(want, bits), f"{count} from {address} on to wordline {wordline}"
        lines = [int(wordline <= w < wordline + count) for w in range(rows)]
        assert int(dut.m_lines.value) == pack_fields(lines, 1)
        wrapped += address + count > word
        shifted += address % word != wordline % word
        whole += count == min(word, rows)
        cut[0] += skipped > 0 and end > wordline + skipped
        cut[1] += 0 < end < wordline + count
        none += end == 0
    assert wrapped and shifted and whole and none and all(cut)
