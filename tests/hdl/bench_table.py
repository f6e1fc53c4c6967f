"""xb_table: words written one by one, entries read whole through every port."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, Timer

from codesign.fixed import pack_fields, unpack_fields
from tests.hdl.drive import start


class Table:
    """Writes words and compares entries with what was written last."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.depth, self.reads, self.log2 = (int(p.value) for p in (dut.DEPTH, dut.READS, dut.WORDS_LOG2))
        self.bits = int(dut.ADDRESS_BITS.value)
        self.entries = [[0] * (1 << self.log2) for _ in range(self.depth)]
        self.compared = 0

    async def write(self, entry: int, word: int, data: int, enable: int = 1) -> None:
        d = self.dut
        d.write.value, d.write_address.value, d.write_data.value = enable, entry << self.log2 | word, data
        await ClockCycles(d.clk, 1)
        d.write.value = 0
        if enable:
            self.entries[entry][word] = data

    async def compare(self, entries: list[int]) -> None:
        """One entry per read port, without a clock edge in between."""
        self.dut.read_address.value = pack_fields(entries, self.bits)
        await Timer(1, "ns")
        got = unpack_fields(int(self.dut.read_data.value), 32 << self.log2, self.reads)
        for entry, value in zip(entries, got, strict=True):
            assert unpack_fields(value, 32, 1 << self.log2) == self.entries[entry], f"entry {entry}"
            self.compared += 1


@cocotb.test(timeout_time=100, timeout_unit="us")
async def words_and_entries(dut: Any) -> None:
    await start(dut, "write", "write_address", "write_data", "read_address")
    table, rng = Table(dut), random.Random(2)
    places = [(e, w) for e in range(table.depth) for w in range(1 << table.log2)]
    for entry, word in rng.sample(places, len(places)):
        await table.write(entry, word, rng.getrandbits(32))
    for first in range(table.depth):
        await table.compare([(first + p) % table.depth for p in range(table.reads)])
    for _ in range(60):
        entry, word = rng.choice(places)
        await table.write(entry, word, rng.getrandbits(32), enable=rng.choice((0, 1, 1)))
        await table.compare([entry, *(rng.randrange(table.depth) for _ in range(table.reads - 1))])
    assert table.compared == (table.depth + 60) * table.reads
