"""The chip bench: what a user's firmware would do. Run by cocotb inside the simulator.

Reads job.json beside the image and the inputs in the current folder, writes result.npz. Values are judged outside. A
failure is one line of the log that begins with "codesign: ".
"""

import gc
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, Timer, with_timeout

from codesign.chip.registers import IMAGE_REASONS, IMAGE_STATES, field, offset
from codesign.sim.bus import Apb, ApbError
from codesign.sim.streams import Sink, Source, beats

CLOCK_NS = 10
HEARTBEAT = "progress"  # as in job.py, which this process need not load


async def reset(dut: Any, clocks: int = 3) -> Apb:
    """Hold reset for a few cycles; the bus is then idle."""
    dut.backdoor.value = 0
    dut.rst.value = 1
    bus = Apb(dut)
    await ClockCycles(dut.clk, clocks)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    return bus


async def program(dut: Any, bus: Apb, words: list[int], backdoor: bool) -> None:
    """Load an image over the bus, or mark the one that +backdoor loaded; then check its state."""
    if backdoor:
        dut.backdoor.value = 1
        await ClockCycles(dut.clk, 2)
        dut.backdoor.value = 0
    else:
        await bus.write_all(offset("IMAGE_DATA"), words)
        await RisingEdge(dut.clk)
    status = await bus.read(offset("STATUS"))
    state, reason = field("STATUS", "IMAGE_STATE"), field("STATUS", "IMAGE_REASON")
    name = IMAGE_STATES[(status >> state.low) & 3]
    why = IMAGE_REASONS[(status >> reason.low) & 15]
    assert name == "ok", f"the chip reports the image as {name}: {why}"
    assert await bus.read(offset("IMAGE_CRC")) == words[-1], "IMAGE_CRC is not the last word of the image"


class Stuck(Exception):
    """The chip does not do what firmware waits for."""


async def within(what: Any, cycles: int) -> Any:
    """Await `what`; raises SimTimeoutError when it takes longer."""
    return await with_timeout(what, cycles * CLOCK_NS, "ns")


async def live() -> None:
    """Show signs of life as simulated time goes by; end with the process that asked for the simulation."""
    parent = os.getppid()
    while os.getppid() == parent:
        os.utime(HEARTBEAT)
        await Timer(200 * CLOCK_NS, "ns")
    os._exit(1)


@cocotb.test()
async def firmware(dut: Any) -> None:
    """Program, stream images in, collect words and cycles."""
    cocotb.start_soon(live())
    try:
        await session(dut)
    except (Stuck, OSError) as e:
        with suppress(OSError):  # a full disk
            why = f"a file cannot be written ({e.strerror or e})" if isinstance(e, OSError) else e
            print(f"codesign: {why}", flush=True)
        raise


async def session(dut: Any) -> None:
    """The body of the test. Raises Stuck when the chip refuses the image or stands still."""
    job = json.loads(Path("job.json").read_bytes())
    data = np.load("job.npz", allow_pickle=False)
    images: np.ndarray = data["images"]
    words = [int(w) for w in data["words"]]
    patience = job["timeout_cycles"]

    async def load(clocks: int) -> Apb:
        bus = await reset(dut, clocks)
        await program(dut, bus, words, job["backdoor"])
        await bus.write(offset("IRQ_ENABLE"), 1)
        await bus.write(offset("CONTROL"), 1)
        return bus

    def streams() -> tuple[Source, Sink]:
        return (
            Source(dut, "s_axis", job["input_pause"], job["seed"]),
            Sink(dut, "m_axis", job["output_pause"], job["seed"] + 1),
        )

    async def drain(sink: Sink) -> None:
        while True:
            await sink.frame()

    async def cut(cycles: int) -> None:
        source, sink = streams()
        tasks = [cocotb.start_soon(drain(sink))]
        tasks += [cocotb.start_soon(source.send(b for i in images for b in beats(i, job["stream_bytes"])))]
        await ClockCycles(dut.clk, cycles)
        for task in tasks:
            task.cancel()
        streams()  # idle

    patient = 4 * len(words) + 1000
    try:
        if job["cut"]:
            await within(load(3), patient)
            await cut(job["cut"])
        bus = await within(load(job["reset_clocks"]), patient)
    except SimTimeoutError:
        raise Stuck("the bus does not answer while the chip is programmed") from None
    except AssertionError as e:
        raise Stuck(str(e)) from None
    source, sink = streams()

    gc.disable()  # a short-lived process; collecting costs a tenth of the run
    started = time.perf_counter()
    ins: list[int] = []
    outs: list[int] = []
    outputs: list[list[int]] = []
    hidden: list[int] = []

    async def feed() -> None:
        for image in images:
            await source.send(beats(image, job["stream_bytes"]), lambda: ins.append(int(dut.cycle.value)))

    async def watch_activations() -> None:
        back = dut.dut.u_chip.u_core.u_back
        while True:
            await RisingEdge(dut.clk)
            if back.activation_write.value:
                hidden.append(int(back.activation_written.value))

    watcher = cocotb.start_soon(watch_activations()) if job["probe"] else None
    feeder = cocotb.start_soon(feed())
    for n in range(len(images)):
        try:
            outputs.append(await within(sink.frame(), patience))
        except SimTimeoutError:
            raise Stuck(
                f"no output word of image {n} after {patience:,} cycles ({len(ins)} images entered); {await state(bus)}"
            ) from None
        outs.append(int(dut.cycle.value))
        Path(HEARTBEAT).write_text(str(n + 1), encoding="utf-8")
    try:
        await within(feeder, patience)
    except SimTimeoutError:
        raise Stuck(f"image {len(ins)} does not enter, though all results have come; {await state(bus)}") from None
    if watcher:
        watcher.cancel()
    await RisingEdge(dut.clk)
    if dut.irq.value != 1:
        raise Stuck(f"the done interrupt is not raised; {await state(bus)}")
    if (counted := await bus.read(offset("IMAGES"))) != len(images):
        raise Stuck(f"IMAGES reads {counted}, must be {len(images)}")
    half = Path("result.partial.npz")  # a full disk, or a kill, leaves no result
    np.savez(
        half,
        outputs=np.array(outputs, dtype=np.uint32).view(np.int32),
        ins=np.array(ins),
        outs=np.array(outs),
        seconds=time.perf_counter() - started,
        hidden=np.array([f"{h:x}" for h in hidden]),
    )
    half.replace("result.npz")


async def state(bus: Apb) -> str:
    """STATUS as text, for a message."""
    try:
        return f"STATUS = 0x{await within(bus.read(offset('STATUS')), 1000):08x}"
    except (SimTimeoutError, ApbError):
        return "STATUS cannot be read"
