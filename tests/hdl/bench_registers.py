"""xb_registers behind xb_apb against the map in codesign.chip.registers."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.chip.registers import ID_VALUE, IMAGE_REASONS, IMAGE_STATES, REGISTERS, field, offset
from codesign.sim.bus import Apb, ApbError
from tests.hdl.drive import start

OK = IMAGE_STATES.index("ok")
CONSTANT = {"ID": ID_VALUE, "VERSION": None, "CHIP_ID": None}  # None: the parameter of that name
WRITABLE = [r for r in REGISTERS if r.access != "ro"]
KNOWN = {r.offset for r in REGISTERS}


def bits(register: str, **fields: int) -> int:
    """A register's value from its fields."""
    value = 0
    for name, content in fields.items():
        f = field(register, name)
        assert content < 1 << f.width
        value |= content << f.low
    return value


async def begin(dut: Any, state: str = "empty") -> Apb:
    dut.image_state.value = IMAGE_STATES.index(state)
    bus = Apb(dut)
    await start(dut, "image_reason", "image_crc", "frame_error", "image_done")
    return bus


async def refused(bus: Apb, address: int, *write: int) -> bool:
    """Whether a read, or a write of (data, strobes), ends in PSLVERR."""
    try:
        await (bus.write(address, *write) if write else bus.read(address))
    except ApbError:
        return True
    return False


async def pulse(dut: Any, name: str, cycles: int = 1) -> None:
    getattr(dut, name).value = 1
    await ClockCycles(dut.clk, cycles)
    getattr(dut, name).value = 0
    await RisingEdge(dut.clk)


def reset_value(dut: Any, name: str) -> int:
    constant = CONSTANT.get(name, 0)
    return int(getattr(dut, name).value) if constant is None else constant


@cocotb.test(timeout_time=100, timeout_unit="us")
async def reset_values_and_access(dut: Any) -> None:
    bus = await begin(dut)
    compared = 0
    for r in REGISTERS:
        assert await bus.read(r.offset) == reset_value(dut, r.name), r.name
        assert await refused(bus, r.offset, 0, 0xF) == (r.access == "ro"), r.name
        assert await bus.read(r.offset) == reset_value(dut, r.name), f"{r.name} after a write of 0"
        compared += 1
    assert compared == len(REGISTERS)
    assert not dut.irq.value and not dut.run.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_bad_address(dut: Any) -> None:
    bus = await begin(dut)
    compared = 0
    for address in [*range(0x60), *(offset("IMAGE_DATA") + (1 << k) for k in range(7, 12)), 0x840, 0xFFC, 0xFFF]:
        assert await refused(bus, address) == (address not in KNOWN), hex(address)
        if address not in KNOWN:
            assert await refused(bus, address, 0, 0xF), hex(address)
        compared += 1
    assert compared == 0x60 + 8


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def partial_strobes_change_nothing(dut: Any) -> None:
    bus = await begin(dut, "ok")
    words: list[int] = []
    watcher = cocotb.start_soon(collect(dut, words))
    compared = 0
    for r in WRITABLE:
        for strobes in range(0xF):
            assert await refused(bus, r.offset, 0xFFFFFFFF, strobes), f"{r.name}, strobes {strobes:04b}"
            compared += 1
        assert await bus.read(r.offset) == reset_value(dut, r.name), r.name
    watcher.cancel()
    assert compared == 15 * len(WRITABLE) and words == []
    assert not dut.run.value


async def collect(dut: Any, words: list[int]) -> None:
    while True:
        await RisingEdge(dut.clk)
        if dut.image_valid.value:
            words.append(int(dut.image_data.value))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def image_words(dut: Any) -> None:
    """Each word appears once, back to back too; none while enabled."""
    bus = await begin(dut, "ok")
    words: list[int] = []
    watcher = cocotb.start_soon(collect(dut, words))
    rng = random.Random(9)
    sent = [rng.getrandbits(32) for _ in range(20)]
    await bus.write_all(offset("IMAGE_DATA"), sent[:12])
    for word in sent[12:]:
        await bus.write(offset("IMAGE_DATA"), word)
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await refused(bus, offset("IMAGE_DATA"), 1, 0xF), "an image word while enabled"
    await bus.write(offset("CONTROL"), 0)
    await bus.write(offset("IMAGE_DATA"), 77)
    await RisingEdge(dut.clk)
    watcher.cancel()
    assert words == [*sent, 77]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def status_shows_the_image(dut: Any) -> None:
    bus = await begin(dut)
    compared = 0
    for state in range(len(IMAGE_STATES)):
        for reason in range(len(IMAGE_REASONS)):
            dut.image_state.value, dut.image_reason.value = state, reason
            dut.image_crc.value = 0xC0DE0000 + compared
            want = bits("STATUS", IMAGE_STATE=state, IMAGE_REASON=reason)
            assert await bus.read(offset("STATUS")) == want
            assert await bus.read(offset("IMAGE_CRC")) == 0xC0DE0000 + compared
            compared += 1
    assert compared == len(IMAGE_STATES) * len(IMAGE_REASONS)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(state=["empty", "loading", "bad"])
async def enabling_without_an_image(dut: Any, state: str) -> None:
    """The chip refuses, says so, raises the error interrupt, and takes the next try."""
    bus = await begin(dut, state)
    await bus.write(offset("IRQ_ENABLE"), bits("IRQ_ENABLE", ERROR=1))
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await bus.read(offset("CONTROL")) == 0
    here = IMAGE_STATES.index(state)
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=here, NO_IMAGE=1)
    assert await bus.read(offset("IRQ_STATUS")) == bits("IRQ_STATUS", ERROR=1)
    assert dut.irq.value and not dut.run.value
    dut.image_state.value = OK
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK, RUNNING=1)
    assert await bus.read(offset("CONTROL")) == bits("CONTROL", ENABLE=1)
    assert dut.run.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def clear(dut: Any) -> None:
    """CLEAR lasts one cycle, reads as 0, and stops the chip even with ENABLE beside it."""
    bus = await begin(dut, "ok")
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    pulses: list[int] = []

    async def watch() -> None:
        while True:
            await RisingEdge(dut.clk)
            pulses.append(int(dut.image_clear.value))

    watcher = cocotb.start_soon(watch())
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1, CLEAR=1))
    await ClockCycles(dut.clk, 3)
    watcher.cancel()
    assert sum(pulses) == 1
    assert await bus.read(offset("CONTROL")) == 0
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK, NO_IMAGE=1)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def interrupts(dut: Any) -> None:
    """Every pending and enabled combination; 1 clears, 0 keeps, an event in the same cycle wins."""
    bus = await begin(dut, "ok")
    done, error = bits("IRQ_STATUS", DONE=1), bits("IRQ_STATUS", ERROR=1)
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    compared = 0
    for pending in range(4):
        for enabled in range(4):
            await bus.write(offset("IRQ_STATUS"), done | error)
            await bus.write(offset("IRQ_ENABLE"), enabled)
            if pending & done:
                await pulse(dut, "image_done")
            if pending & error:
                await pulse(dut, "frame_error", 3)
            assert await bus.read(offset("IRQ_STATUS")) == pending
            assert await bus.read(offset("IRQ_ENABLE")) == enabled
            assert int(dut.irq.value) == bool(pending & enabled)
            for cleared in (0, done, error):
                await bus.write(offset("IRQ_STATUS"), cleared)
                pending &= ~cleared
                assert await bus.read(offset("IRQ_STATUS")) == pending
                assert int(dut.irq.value) == bool(pending & enabled)
                compared += 1
    assert compared == 4 * 4 * 3
    dut.image_done.value = 1
    await bus.write(offset("IRQ_STATUS"), done)
    dut.image_done.value = 0
    assert await bus.read(offset("IRQ_STATUS")) == done, "an event in the cycle of its clearing is lost"
    await bus.write(offset("IRQ_ENABLE"), 0xFFFFFFFF)
    assert await bus.read(offset("IRQ_ENABLE")) == bits("IRQ_ENABLE", DONE=1, ERROR=1)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def images_are_counted(dut: Any) -> None:
    """From one enabling to the next; a write that only keeps the chip enabled does not count anew."""
    bus = await begin(dut, "ok")
    enable = bits("CONTROL", ENABLE=1)
    await bus.write(offset("CONTROL"), enable)
    await pulse(dut, "image_done", 5)
    assert await bus.read(offset("IMAGES")) == 5
    await bus.write(offset("CONTROL"), enable)
    await pulse(dut, "image_done")
    assert await bus.read(offset("IMAGES")) == 6
    await bus.write(offset("CONTROL"), 0)
    assert await bus.read(offset("IMAGES")) == 6
    await bus.write(offset("CONTROL"), enable)
    assert await bus.read(offset("IMAGES")) == 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bad_frame(dut: Any) -> None:
    """Told once, shown until the chip is disabled, not forgotten by enabling what is enabled; then not told."""
    bus = await begin(dut, "ok")
    enable, running = bits("CONTROL", ENABLE=1), bits("STATUS", IMAGE_STATE=OK, RUNNING=1)
    await pulse(dut, "frame_error")
    assert await bus.read(offset("IRQ_STATUS")) == 0
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK)
    await bus.write(offset("CONTROL"), enable)
    dut.frame_error.value = 1
    await ClockCycles(dut.clk, 2)
    assert await bus.read(offset("IRQ_STATUS")) == bits("IRQ_STATUS", ERROR=1)
    await bus.write(offset("IRQ_STATUS"), bits("IRQ_STATUS", ERROR=1))
    assert await bus.read(offset("IRQ_STATUS")) == 0, "raised again by the same frame"
    wrong = bits("STATUS", IMAGE_STATE=OK, RUNNING=1, BAD_FRAME=1)
    assert await bus.read(offset("STATUS")) == wrong
    await bus.write(offset("CONTROL"), enable)
    assert await bus.read(offset("STATUS")) == wrong
    await bus.write(offset("CONTROL"), 0)
    dut.frame_error.value = 0
    await bus.write(offset("CONTROL"), enable)
    assert await bus.read(offset("STATUS")) == running


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset_while_running(dut: Any) -> None:
    bus = await begin(dut, "ok")
    await bus.write(offset("IRQ_ENABLE"), 3)
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    await pulse(dut, "image_done", 2)
    await pulse(dut, "frame_error")
    await pulse(dut, "rst")
    assert not dut.irq.value and not dut.run.value
    dut.image_state.value = 0
    for r in REGISTERS:
        assert await bus.read(r.offset) == reset_value(dut, r.name), r.name
