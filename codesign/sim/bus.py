"""APB4 master for cocotb benches."""

from typing import Any

from cocotb.triggers import RisingEdge


class ApbError(Exception):
    """The slave answered with PSLVERR."""


class Apb:
    """Drives psel, penable, pwrite, paddr, pwdata, pstrb of a handle that has an APB4 slave and `clk`."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.edge = RisingEdge(dut.clk)
        for name in ("psel", "penable", "pwrite", "paddr", "pwdata"):
            getattr(dut, name).value = 0
        dut.pstrb.value = 0xF

    async def write(self, address: int, data: int, strobes: int = 0xF) -> None:
        """Write one word. Raises ApbError when the slave refuses."""
        self.dut.pstrb.value = strobes
        await self._transfer(address, data, True)

    async def read(self, address: int) -> int:
        """Read one word. Raises ApbError when the slave refuses."""
        return int(await self.read_bits(address), 2)

    async def read_bits(self, address: int) -> str:
        """Read one word as text, bit 31 first: bits of a memory that was never written are X in a simulation."""
        return await self._transfer(address, 0, False)

    async def _transfer(self, address: int, data: int, write: bool) -> str:
        d = self.dut
        d.psel.value = 1
        d.penable.value = 0
        d.pwrite.value = int(write)
        d.paddr.value = address
        d.pwdata.value = data
        await self.edge
        d.penable.value = 1
        await self.edge
        while not d.pready.value:
            await self.edge
        error, got = bool(d.pslverr.value), str(d.prdata.value)
        d.psel.value = 0
        d.penable.value = 0
        if error:
            raise ApbError(f"PSLVERR on {'write to' if write else 'read of'} 0x{address:03x}")
        return got

    async def write_all(self, address: int, words: list[int]) -> None:
        """Write many words to one address, back to back. Raises ApbError when the slave refuses one."""
        d = self.dut
        d.psel.value = 1
        d.pwrite.value = 1
        d.paddr.value = address
        for word in words:
            d.penable.value = 0
            d.pwdata.value = word
            await self.edge
            d.penable.value = 1
            await self.edge
            if d.pslverr.value:
                raise ApbError(f"PSLVERR on write to 0x{address:03x}")
        d.psel.value = 0
        d.penable.value = 0
