"""What firmware can do wrong, and what the chip says then. Runs on the whole chip."""

import json
import os
from itertools import chain
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles, RisingEdge

from codesign.chip.registers import IMAGE_REASONS, IMAGE_STATES, REGISTERS, field, offset
from codesign.sim.benches.chip_bench import program, reset
from codesign.sim.bus import Apb, ApbError
from codesign.sim.streams import Sink, Source, beats

DONE, ERROR, BAD = 1, 2, 4


def job() -> dict[str, Any]:
    return dict(np.load(os.environ["JOB"]))


async def status(bus: Apb, name: str) -> int:
    f = field("STATUS", name)
    return (await bus.read(offset("STATUS")) >> f.low) & ((1 << f.width) - 1)


async def state(bus: Apb) -> tuple[str, str]:
    return IMAGE_STATES[await status(bus, "IMAGE_STATE")], IMAGE_REASONS[await status(bus, "IMAGE_REASON")]


async def refused(dut: Any, bus: Apb) -> None:
    """Enabling raises the error interrupt and does not start the chip; then all is cleared."""
    await bus.write(offset("IRQ_ENABLE"), ERROR)
    assert not dut.irq.value
    await bus.write(offset("CONTROL"), 1)
    await ClockCycles(dut.clk, 2)
    assert dut.irq.value
    assert await bus.read(offset("IRQ_STATUS")) & ERROR
    assert await status(bus, "NO_IMAGE") == 1
    assert await status(bus, "RUNNING") == 0
    assert await bus.read(offset("CONTROL")) == 0
    assert not dut.s_axis_tready.value, "a chip that does not run takes no input"
    await bus.write(offset("IRQ_STATUS"), ERROR)
    await RisingEdge(dut.clk)
    assert not dut.irq.value
    await bus.write(offset("CONTROL"), 0)
    assert await status(bus, "NO_IMAGE") == 0


async def classify(dut: Any, bus: Apb) -> int:
    """Enable, stream every image, compare; returns the words compared."""
    data, width = job(), int(os.environ["STREAM_BYTES"])
    source, sink = Source(dut, "s_axis"), Sink(dut, "m_axis")
    await bus.write(offset("CONTROL"), 1)
    assert await status(bus, "RUNNING") == 1
    compared = 0
    for image, want in zip(data["images"], data["expected"], strict=True):
        cocotb.start_soon(source.send(beats(image, width)))
        got = np.array(await sink.frame(), dtype=np.uint32).view(np.int32)
        assert got.tolist() == want.tolist()
        compared += len(got)
    assert await bus.read(offset("IMAGES")) == len(data["images"])
    return compared


def expected_words() -> int:
    return int(job()["expected"].size)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def no_image(dut: Any) -> None:
    bus = await reset(dut)
    assert await state(bus) == ("empty", "none")
    assert await bus.read(offset("CHIP_ID")) == int(os.environ["CHIP_ID"])
    await refused(dut, bus)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def half_an_image(dut: Any) -> None:
    bus = await reset(dut)
    words = job()["words"].tolist()
    await bus.write_all(offset("IMAGE_DATA"), words[: len(words) // 2])
    assert (await state(bus))[0] == "loading"
    await refused(dut, bus)
    await bus.write_all(offset("IMAGE_DATA"), words[len(words) // 2 :])
    assert await state(bus) == ("ok", "none")
    assert await classify(dut, bus) == expected_words()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def power_cut(dut: Any) -> None:
    """After a reset in mid-programming the chip holds no image, says so, and takes the whole image from its start."""
    words = job()["words"].tolist()
    bus = await reset(dut)
    cuts = [1, 4, len(words) // 3, len(words) - 1]
    for cut in cuts:
        await bus.write_all(offset("IMAGE_DATA"), words[:cut])
        assert (await state(bus))[0] == "loading"
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        assert await state(bus) == ("empty", "none")
        await refused(dut, bus)
    for cut in cuts:  # only the host's power went: what it sends next is not the image's next word
        await bus.write_all(offset("IMAGE_DATA"), words[:cut])
        await bus.write(offset("CONTROL"), 2)
        assert await state(bus) == ("empty", "none")
    await program(dut, bus, words, backdoor=False)
    assert await classify(dut, bus) == expected_words()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def activations(dut: Any) -> None:
    """A stopped chip shows what its layers wrote, every activation that no later layer wrote over; then it runs on."""
    data, width, compared = job(), int(os.environ["STREAM_BYTES"]), 0
    held = {int(k.removeprefix("kept_")): v for k, v in data.items() if k.startswith("kept_")}
    bus = await reset(dut)
    await program(dut, bus, data["words"].tolist(), backdoor=False)
    for n, image in enumerate(data["images"]):
        await bus.write(offset("CONTROL"), 1)
        assert (await status(bus, "BUSY"), await status(bus, "IDLE")) == (0, 1)
        sink = Sink(dut, "m_axis")
        sender = cocotb.start_soon(Source(dut, "s_axis").send(beats(image, width)))
        await ClockCycles(dut.clk, 4)
        assert (await status(bus, "BUSY"), await status(bus, "IDLE")) == (1, 0)
        with pytest.raises(ApbError, match=f"PSLVERR on read of 0x{offset('ACTIVATION_DATA'):03x}"):
            await bus.read(offset("ACTIVATION_DATA"))
        await sender
        await sink.frame()
        assert (await status(bus, "BUSY"), await status(bus, "IDLE")) == (0, 1)
        await bus.write(offset("CONTROL"), 0)
        assert (await status(bus, "BUSY"), await status(bus, "IDLE")) == (0, 0)
        for first, values in held.items():
            want = values[n].tolist()
            await bus.write(offset("ACTIVATION_ADDRESS"), first)
            got: list[int] = []
            while len(got) < len(want):
                word = await bus.read_bits(offset("ACTIVATION_DATA"))  # what was never written is X
                got += [int(word[24 - 8 * k : 32 - 8 * k], 2) for k in range(min(4, len(want) - len(got)))]
            assert await bus.read(offset("ACTIVATION_ADDRESS")) == first + -(-len(want) // 4) * 4
            assert got == want, f"image {n}, from activation {first} on"
            compared += len(got)
    assert compared == int(os.environ["KEPT"])


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def bad_images(dut: Any) -> None:
    """Each is refused with its reason and cannot be enabled; after CLEAR a good one works."""
    data = job()
    bus = await reset(dut)
    reasons = json.loads(os.environ["REASONS"])
    await bus.write(offset("IRQ_ENABLE"), BAD)
    for name, reason in reasons.items():
        words = data[name].tolist()
        assert not dut.irq.value
        await bus.write_all(offset("IMAGE_DATA"), words)
        assert await state(bus) == ("bad", reason), name
        assert dut.irq.value and await bus.read(offset("IRQ_STATUS")) == BAD, name
        await bus.write(offset("IRQ_STATUS"), BAD)
        await refused(dut, bus)
        await bus.write(offset("IRQ_ENABLE"), BAD)
        await bus.write_all(offset("IMAGE_DATA"), data["words"].tolist())
        assert (await state(bus))[0] == "bad", "a good image after a bad one needs CLEAR"
        await bus.write(offset("CONTROL"), 2)
        assert await state(bus) == ("empty", "none")
        assert await bus.read(offset("IMAGE_CRC")) == 0
    assert len(reasons) == int(os.environ["IMAGES"])
    await program(dut, bus, data["words"].tolist(), backdoor=False)
    assert await classify(dut, bus) == expected_words()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bad_frames(dut: Any) -> None:
    """A frame that ends early or late raises BAD_FRAME; disabling and enabling recovers."""
    data, width = job(), int(os.environ["STREAM_BYTES"])
    bus = await reset(dut)
    await program(dut, bus, data["words"].tolist(), backdoor=False)
    await bus.write(offset("IRQ_ENABLE"), ERROR)
    good = beats(data["images"][0], width)
    assert len(good) > 2
    short = [(d, k, n == len(good) - 2) for n, (d, k, _) in enumerate(good[:-1])]
    long = [*((d, k, False) for d, k, _ in good), (0, 1, True)]
    for frame in (short, long):
        await bus.write(offset("CONTROL"), 1)
        assert await status(bus, "BAD_FRAME") == 0
        sender = cocotb.start_soon(Source(dut, "s_axis").send(frame))
        await ClockCycles(dut.clk, 4 * len(good) + 10)
        sender.cancel()
        dut.s_axis_tvalid.value = 0
        assert dut.irq.value
        assert await status(bus, "BAD_FRAME") == 1
        await bus.write(offset("IRQ_STATUS"), ERROR)
        await bus.write(offset("CONTROL"), 0)
        assert not dut.irq.value
        assert await status(bus, "BAD_FRAME") == 0
        assert await classify(dut, bus) == expected_words()
        await bus.write(offset("CONTROL"), 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def image_while_enabled(dut: Any) -> None:
    """Programming a running chip is an error of the bus and changes nothing."""
    words = job()["words"].tolist()
    bus = await reset(dut)
    await program(dut, bus, words, backdoor=False)
    await bus.write(offset("CONTROL"), 1)
    with pytest.raises(ApbError, match=f"PSLVERR on write to 0x{offset('IMAGE_DATA'):03x}"):
        await bus.write(offset("IMAGE_DATA"), words[0])
    assert await state(bus) == ("ok", "none")
    await bus.write(offset("CONTROL"), 0)
    assert await classify(dut, bus) == expected_words()


async def registers(bus: Apb) -> dict[str, int]:
    """All but those of memories, which no reset clears."""
    return {r.name: await bus.read(r.offset) for r in REGISTERS if r.access != "wo" and r.name != "ACTIVATION_DATA"}


Beats = list[tuple[int, int, bool]]


def runs() -> list[tuple[str, Beats, int]]:
    """What is streamed, all images or a frame that ends early, and the cycles until everything happened."""
    data, width = job(), int(os.environ["STREAM_BYTES"])
    good = [beats(image, width) for image in data["images"]]
    cut = [(d, k, n == len(good[0]) - 2) for n, (d, k, _) in enumerate(good[0][:-1])]
    return [("images", list(chain(*good)), int(os.environ["CYCLES"])), ("a frame cut off", cut, len(cut) + 4)]


async def begin(dut: Any, bus: Apb, stream: Beats, cycles: int) -> Any:
    """Enable, stream, take what comes, for so many cycles; returns the task that streams."""
    dut.m_axis_tready.value = 1
    await bus.write(offset("IRQ_ENABLE"), DONE | ERROR)
    await bus.write(offset("CONTROL"), 1)
    sender = cocotb.start_soon(Source(dut, "s_axis").send(stream))
    if cycles:
        await ClockCycles(dut.clk, cycles)
    return sender


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def one_clock_reset(dut: Any) -> None:
    """rst for one clock, in every cycle of a run: all registers as after a long reset, and the chip runs again."""
    words = job()["words"].tolist()
    bus = await reset(dut)
    fresh = await registers(bus)
    assert all(v == 0 for name, v in fresh.items() if name not in ("ID", "VERSION", "CHIP_ID"))
    inside = dut.dut.u_chip.u_registers
    found = dict.fromkeys(("images", "done_pending", "error_pending", "bad_frame"), 0)  # set when a reset came
    for name, stream, cycles in runs():
        for cycle in range(cycles):
            await program(dut, bus, words, backdoor=True)
            sender = await begin(dut, bus, stream, cycle)
            dut.rst.value = 1
            await RisingEdge(dut.clk)
            for register in found:
                found[register] += int(getattr(inside, register).value) > 0
            dut.rst.value = 0
            sender.cancel()
            dut.s_axis_tvalid.value = 0
            await RisingEdge(dut.clk)
            assert not dut.irq.value and not dut.m_axis_tvalid.value and not dut.s_axis_tready.value, f"cycle {cycle}"
            assert await registers(bus) == fresh, f"reset in cycle {cycle} of {name}"
            await program(dut, bus, words, backdoor=True)
            assert await classify(dut, bus) == expected_words()
            await bus.write(offset("CONTROL"), 0)
    assert min(found.values()) > 1, f"resets that had nothing to clear: {found}"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def disabled_in_every_cycle(dut: Any) -> None:
    """Clearing ENABLE drops what is in flight, a bad frame too; enabled again, the chip starts afresh."""
    bus = await reset(dut)
    await program(dut, bus, job()["words"].tolist(), backdoor=True)
    bad = 0
    for name, stream, cycles in runs():
        for cycle in range(cycles):
            sender = await begin(dut, bus, stream, cycle)
            await bus.write(offset("CONTROL"), 0)
            sender.cancel()
            dut.s_axis_tvalid.value = 0
            bad += await bus.read(offset("IRQ_STATUS")) == ERROR
            assert await status(bus, "BAD_FRAME") == await status(bus, "RUNNING") == 0, f"cycle {cycle} of {name}"
            await bus.write(offset("IRQ_STATUS"), DONE | ERROR)
            assert await classify(dut, bus) == expected_words()
            await bus.write(offset("CONTROL"), 0)
            await bus.write(offset("IRQ_STATUS"), DONE | ERROR)
    assert bad > 1, "frames that were bad before"
