"""xb_crc32 word by word against codesign.fixed.crc32."""

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer

from codesign.fixed import crc32

ONES = 0xFFFFFFFF


async def checksum(dut: Any, words: list[int]) -> int:
    """The module's checksum of a message: all ones in, the last result complemented."""
    crc = ONES
    for word in words:
        dut.crc_in.value = crc
        dut.data.value = word
        await Timer(1, "ns")
        crc = int(dut.crc_out.value)
    return crc ^ ONES


@cocotb.test(timeout_time=100, timeout_unit="us")
async def published_values(dut: Any) -> None:
    """32 bytes of 0x00 and of 0xff: values any CRC-32 calculator gives."""
    for word, want in ((0, 0x190A55AD), (ONES, 0xFF6CAB0B)):
        assert crc32([word] * 8) == want
        assert await checksum(dut, [word] * 8) == want


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_bit_and_random_messages(dut: Any) -> None:
    rng = random.Random(1)
    messages = [[1 << bit] for bit in range(32)]
    messages += [[rng.getrandbits(32) for _ in range(1 + n % 9)] for n in range(100)]
    compared = 0
    for words in messages:
        for cut in range(1, len(words) + 1):
            assert await checksum(dut, words[:cut]) == crc32(words[:cut])
            compared += 1
    assert compared == 32 + sum(1 + n % 9 for n in range(100))
