"""xb_registers behind xb_apb against the map in codesign.chip.registers."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.chip.layout import PEEK
from codesign.chip.registers import ID_VALUE, IMAGE_REASONS, IMAGE_STATES, REGISTERS, field, offset
from codesign.sim.bus import Apb, ApbError
from tests.hdl.drive import start

OK, BAD = IMAGE_STATES.index("ok"), IMAGE_STATES.index("bad")
SHOWN = 0x09060300  # the first activations of apb_registers.v: 0, 3, 6, 9
CONSTANT = {"ID": ID_VALUE, "VERSION": None, "CHIP_ID": None, "ACTIVATION_DATA": SHOWN}  # None: the parameter
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
    await start(dut, "image_reason", "image_crc", "frame_error", "image_begins", "image_done")
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
        if r.name == "ACTIVATION_DATA":  # a read moves on
            await bus.write(offset("ACTIVATION_ADDRESS"), 0)
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
    assert await bus.read(offset("IRQ_STATUS")) == bits("IRQ_STATUS", ERROR=1, BAD_IMAGE=int(state == "bad"))
    assert dut.irq.value and not dut.run.value
    dut.image_state.value = OK
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK, RUNNING=1, IDLE=1)
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
    done, error, bad = (bits("IRQ_STATUS", **{name: 1}) for name in ("DONE", "ERROR", "BAD_IMAGE"))
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    compared = 0
    for pending in range(8):
        for enabled in range(8):
            await bus.write(offset("IRQ_STATUS"), done | error | bad)
            await bus.write(offset("IRQ_ENABLE"), enabled)
            if pending & done:
                await pulse(dut, "image_done")
            if pending & error:
                await pulse(dut, "frame_error", 3)
            if pending & bad:
                dut.image_state.value = BAD
                await ClockCycles(dut.clk, 3)
                dut.image_state.value = OK
                await RisingEdge(dut.clk)
                await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
            assert await bus.read(offset("IRQ_STATUS")) == pending
            assert await bus.read(offset("IRQ_ENABLE")) == enabled
            assert int(dut.irq.value) == bool(pending & enabled)
            for cleared in (0, done, error, bad):
                await bus.write(offset("IRQ_STATUS"), cleared)
                pending &= ~cleared
                assert await bus.read(offset("IRQ_STATUS")) == pending
                assert int(dut.irq.value) == bool(pending & enabled)
                compared += 1
    assert compared == 8 * 8 * 4
    dut.image_done.value = 1
    await bus.write(offset("IRQ_STATUS"), done)
    dut.image_done.value = 0
    assert await bus.read(offset("IRQ_STATUS")) == done, "an event in the cycle of its clearing is lost"
    await bus.write(offset("IRQ_ENABLE"), 0xFFFFFFFF)
    assert await bus.read(offset("IRQ_ENABLE")) == bits("IRQ_ENABLE", DONE=1, ERROR=1, BAD_IMAGE=1)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_bad_image_is_told_once(dut: Any) -> None:
    """Each refusal raises the interrupt once; clearing it while the image is still bad does not raise it again."""
    bus = await begin(dut)
    bad, raised = bits("IRQ_STATUS", BAD_IMAGE=1), 0
    await bus.write(offset("IRQ_ENABLE"), bad)
    for _ in range(2):
        dut.image_state.value = BAD
        await ClockCycles(dut.clk, 2)
        raised += int(dut.irq.value)
        assert await bus.read(offset("IRQ_STATUS")) == bad
        await bus.write(offset("IRQ_STATUS"), bad)
        await ClockCycles(dut.clk, 3)
        assert not dut.irq.value and await bus.read(offset("IRQ_STATUS")) == 0
        dut.image_state.value = 0
        await ClockCycles(dut.clk, 2)
    assert raised == 2


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def busy_and_idle(dut: Any) -> None:
    """BUSY from an image's first beat to its last word, also of several; IDLE otherwise, and only while running."""
    bus = await begin(dut, "ok")
    idle = bits("STATUS", IMAGE_STATE=OK, RUNNING=1, IDLE=1)
    busy = bits("STATUS", IMAGE_STATE=OK, RUNNING=1, BUSY=1)
    await pulse(dut, "image_begins")
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK), "a stopped chip is neither"
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    flying = 0
    for begins, done in [(1, 0), (0, 1), (1, 0), (1, 0), (1, 1), (0, 1), (0, 1)]:
        assert await bus.read(offset("STATUS")) == (busy if flying else idle), flying
        dut.image_begins.value, dut.image_done.value = begins, done
        await RisingEdge(dut.clk)
        dut.image_begins.value = dut.image_done.value = 0
        await RisingEdge(dut.clk)
        flying += begins - done
    await pulse(dut, "image_begins", 9)
    assert await bus.read(offset("STATUS")) == busy
    await bus.write(offset("CONTROL"), 0)
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK), "stopping drops what was on its way"
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await bus.read(offset("STATUS")) == idle


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def activations_are_read(dut: Any) -> None:
    """Four a read, one read behind the other or after a new address; refused while enabled, which moves nothing."""
    bus = await begin(dut, "ok")
    address, data = offset("ACTIVATION_ADDRESS"), offset("ACTIVATION_DATA")
    compared = 0
    for first in (0, 5, 77, 200):
        await bus.write(address, first)
        for at in range(first, first + 12, PEEK):
            want = sum((3 * (at + k) & 0xFF) << 8 * k for k in range(PEEK))
            assert await bus.read(data) == want, at
            compared += 1
        assert await bus.read(address) == first + 12
    assert compared == 12
    await bus.write(address, 0xFFFFFFFF)
    assert await bus.read(address) == 0xFFFFFF
    await bus.write(address, 9)
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    assert await refused(bus, data) and await refused(bus, address, 1, 0xF)
    assert await bus.read(address) == 9
    await bus.write(offset("CONTROL"), 0)
    assert await bus.read(data) & 0xFF == 27, "read at once after stopping"


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
    enable, running = bits("CONTROL", ENABLE=1), bits("STATUS", IMAGE_STATE=OK, RUNNING=1, IDLE=1)
    await pulse(dut, "frame_error")
    assert await bus.read(offset("IRQ_STATUS")) == 0
    assert await bus.read(offset("STATUS")) == bits("STATUS", IMAGE_STATE=OK)
    await bus.write(offset("CONTROL"), enable)
    dut.frame_error.value = 1
    await ClockCycles(dut.clk, 2)
    assert await bus.read(offset("IRQ_STATUS")) == bits("IRQ_STATUS", ERROR=1)
    await bus.write(offset("IRQ_STATUS"), bits("IRQ_STATUS", ERROR=1))
    assert await bus.read(offset("IRQ_STATUS")) == 0, "raised again by the same frame"
    wrong = bits("STATUS", IMAGE_STATE=OK, RUNNING=1, BAD_FRAME=1, IDLE=1)
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
    await bus.write(offset("IRQ_ENABLE"), 7)
    await bus.write(offset("ACTIVATION_ADDRESS"), 77)
    await bus.write(offset("CONTROL"), bits("CONTROL", ENABLE=1))
    await pulse(dut, "image_begins", 3)
    await pulse(dut, "image_done", 2)
    await pulse(dut, "frame_error")
    dut.image_state.value = BAD
    await ClockCycles(dut.clk, 2)
    dut.image_state.value = 0  # the loader is reset too
    await pulse(dut, "rst")
    assert not dut.irq.value and not dut.run.value
    for r in REGISTERS:
        assert await bus.read(r.offset) == reset_value(dut, r.name), r.name
