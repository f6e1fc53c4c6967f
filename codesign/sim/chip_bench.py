"""The chip bench: what a user's firmware would do. Run by cocotb inside the simulator.

Reads job.json beside the image and the inputs, writes result.npz. Values are judged outside.
"""

import gc
import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from codesign.image.registers import IMAGE_REASONS, IMAGE_STATES, field, offset
from codesign.sim.bus import Apb
from codesign.sim.streams import Sink, Source


async def reset(dut: Any) -> Apb:
    """Hold reset for a few cycles; the bus is then idle."""
    dut.backdoor.value = 0
    dut.rst.value = 1
    bus = Apb(dut)
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    return bus


async def program(dut: Any, bus: Apb, words: list[int], backdoor: bool) -> None:
    """Load an image over the bus, or mark the one that +backdoor loaded; then check what the chip says."""
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
    assert name == "ok", f"the chip says the image is {name}: {why}"
    assert await bus.read(offset("IMAGE_CRC")) == words[-1], "IMAGE_CRC is not the image's last word"


def beats(image: np.ndarray, width: int) -> list[tuple[int, int, bool]]:
    """One image (bytes) as (data, keep, last) stream beats of `width` bytes."""
    raw = image.tobytes()
    count = -(-len(raw) // width)
    result = []
    for k in range(count):
        part = raw[k * width : (k + 1) * width]
        result.append((int.from_bytes(part, "little"), (1 << len(part)) - 1, k == count - 1))
    return result


@cocotb.test()
async def firmware(dut: Any) -> None:
    """Program, stream images in, collect words and cycles."""
    folder = Path(os.environ["CODESIGN_JOB"])
    job = json.loads((folder / "job.json").read_bytes())
    data = np.load(folder / "job.npz", allow_pickle=False)
    images: np.ndarray = data["images"]
    words = [int(w) for w in data["words"]]
    bus = await reset(dut)
    await program(dut, bus, words, job["backdoor"])
    source = Source(dut, "s_axis", job["input_pause"], job["seed"])
    sink = Sink(dut, "m_axis", job["output_pause"], job["seed"] + 1)
    await bus.write(offset("IRQ_ENABLE"), 1)
    await bus.write(offset("CONTROL"), 1)

    gc.disable()  # a short-lived process; collecting costs a tenth of the run
    started = time.perf_counter()
    ins: list[int] = []
    outs: list[int] = []
    outputs: list[list[int]] = []
    hidden: list[int] = []

    async def feed() -> None:
        for image in images:
            await source.send(beats(image, job["stream_bytes"]), lambda: ins.append(int(dut.cycle.value)))

    async def watch_hidden() -> None:
        core = dut.dut.u_chip.u_core
        while True:
            await RisingEdge(dut.clk)
            if core.hidden_write.value:
                hidden.append(int(core.hidden_data.value))

    watcher = cocotb.start_soon(watch_hidden()) if job["probe"] else None
    feeder = cocotb.start_soon(feed())
    for n in range(len(images)):
        outputs.append(await with_timeout(sink.frame(), job["timeout_cycles"] * 10, "ns"))
        outs.append(int(dut.cycle.value))
        if job["progress"]:
            (folder / "progress").write_text(str(n + 1), encoding="utf-8")
    await feeder
    if watcher:
        watcher.cancel()
    await RisingEdge(dut.clk)
    assert dut.irq.value == 1, "done interrupt is not raised"
    assert await bus.read(offset("IMAGES")) == len(images), "IMAGES does not count the images"
    np.savez(
        folder / "result.npz",
        outputs=np.array(outputs, dtype=np.uint32).view(np.int32),
        ins=np.array(ins),
        outs=np.array(outs),
        seconds=time.perf_counter() - started,
        hidden=np.array([f"{h:x}" for h in hidden]),
    )
