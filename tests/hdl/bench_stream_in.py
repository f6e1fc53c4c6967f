"""xb_stream_in: images as beats, writes as bit planes, two buffers, frames of the wrong length."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from codesign.sim.streams import Source, beats
from tests.hdl.drive import axis, plane_vector, start

Write = tuple[int, int]  # address of the first activation, data


class StreamIn:
    """The buffers' user: notes writes, waits for activations, releases buffers."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.bytes, self.bits, self.depth = (int(getattr(dut, n).value) for n in ("BYTES", "BITS", "DEPTH"))
        self.writes: list[Write] = []
        self.cycle = 0

    async def watch(self) -> None:
        d, due = self.dut, None
        while True:
            await RisingEdge(d.clk)
            self.cycle += 1
            if due is not None and not d.rst.value:
                buffer, place = divmod(due, self.depth)
                assert self.available(buffer) == place + self.bytes, "a beat counts one cycle after it came"
            whole = int(d.beats.value) * self.bytes
            for buffer, line in enumerate((d.whole_0, d.whole_1)):
                assert bool(line.value) == (self.available(buffer) == whole), "whole with its last activation"
            due = int(d.write_address.value) if d.write.value else None
            if d.write.value:
                self.writes.append((int(d.write_address.value), int(d.write_data.value)))

    def expected(self, image: np.ndarray, buffer: int, keep: int | None = None) -> list[Write]:
        """Writes of one image: its activations cut into beats, padded with 0, in bit planes."""
        count = -(-len(image) // self.bytes)
        padded = np.zeros(count * self.bytes, np.int64)
        padded[: len(image)] = image & ((1 << self.bits) - 1)
        parts = padded.reshape(count, self.bytes)
        if keep is not None:
            parts = parts * np.array([keep >> k & 1 for k in range(self.bytes)])
        first = buffer * self.depth
        return [(first + k * self.bytes, plane_vector(part, self.bits)) for k, part in enumerate(parts)]

    def available(self, buffer: int) -> int:
        return int(getattr(self.dut, f"available_{buffer}").value)

    async def until(self, buffer: int, activations: int) -> None:
        """Wait until a buffer holds so many activations; the count goes up by those of a beat, no more, no less."""
        seen = self.available(buffer)
        while seen < activations:
            await RisingEdge(self.dut.clk)
            now = self.available(buffer)
            assert now - seen in (0, self.bytes)
            seen = now

    async def release(self, buffer: int) -> None:
        signal = getattr(self.dut, f"release_{buffer}")
        signal.value = 1
        await RisingEdge(self.dut.clk)
        signal.value = 0


@asynccontextmanager
async def running(dut: Any, count: int) -> AsyncIterator[StreamIn]:
    """Out of reset, for images of `count` beats, with writes watched."""
    dut.beats.value = count
    await start(dut, "s_valid", "s_data", "s_keep", "s_last", "release_0", "release_1")
    user = StreamIn(dut)
    watcher = cocotb.start_soon(user.watch())
    yield user
    watcher.cancel()


def images(user: StreamIn, count: int, features: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 256, (count, features)).astype(np.uint8)
    found[0] = 255  # bits above BITS are dropped
    return found


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gaps=[0.0, 0.4], late=[False, True])
async def frames(dut: Any, gaps: float, late: bool) -> None:
    """A run of images; with `late` a buffer is released only after a while, so that the stream stalls."""
    count = int(dut.DEPTH.value) // int(dut.BYTES.value)  # as many beats as a buffer holds
    features = count * int(dut.BYTES.value) - (1 if int(dut.BYTES.value) > 1 else 0)
    async with running(dut, count) as user:
        data = images(user, 8, features, seed=4)
        whole = count * user.bytes
        source = Source(axis(dut, "s"), "s_axis", gaps, seed=5)

        async def feed() -> None:
            for image in data:
                await source.send(beats(image, user.bytes))

        first = user.cycle
        feeder = cocotb.start_soon(feed())
        for n in range(len(data)):
            await with_timeout(user.until(n % 2, whole), 100, "us")
            if late:
                if n < len(data) - 1:
                    await with_timeout(user.until(1 - n % 2, whole), 100, "us")
                await ClockCycles(dut.clk, 3)
                assert not dut.s_ready.value or n == len(data) - 1, "both buffers are full"
                assert len(user.writes) == min(n + 2, len(data)) * count, "a beat was taken that has no place"
            await user.release(n % 2)
            await RisingEdge(dut.clk)
            assert user.available(n % 2) in ((0,) if late else range(0, whole + 1, user.bytes))
        await feeder
        want = [w for n, image in enumerate(data) for w in user.expected(image, n % 2)]
        assert user.writes == want
        assert len(user.writes) == len(data) * count
        if not gaps and not late:
            assert user.cycle - first <= len(data) * count + 5, "not a beat per cycle"
        assert not dut.frame_error.value


@cocotb.test(timeout_time=100, timeout_unit="us")
async def keep_drops_bytes(dut: Any) -> None:
    compared = 0
    async with running(dut, 1) as user:
        source = Source(axis(dut, "s"), "s_axis")
        for n, keep in enumerate(range(1 << min(user.bytes, 4))):
            image = np.full(user.bytes, 255, np.uint8)
            await source.send([(int.from_bytes(image.tobytes(), "little"), keep, True)])
            await ClockCycles(dut.clk, 1)
            assert user.writes.pop() == user.expected(image, n % 2, keep)[0]
            await user.release(n % 2)
            compared += 1
        assert compared == 1 << min(user.bytes, 4)


@cocotb.test(timeout_time=100, timeout_unit="us")
@cocotb.parametrize(last_at=[0, 1, 2, 3, 5])
async def wrong_length(dut: Any, last_at: int) -> None:
    """Images are 3 beats; `last` on beat 2 is right, before or after it the stream stops for good."""
    async with running(dut, 3) as user:
        ones = (1 << user.bytes) - 1
        source = Source(axis(dut, "s"), "s_axis")
        frame = [(k, ones, k == last_at) for k in range(last_at + 1)]
        feeder = cocotb.start_soon(source.send(frame))
        await ClockCycles(dut.clk, 12)
        right = last_at == 2
        assert int(dut.frame_error.value) == (not right)
        assert int(dut.s_ready.value) == right
        assert len(user.writes) == min(last_at, 2) + 1, "beats after the fault are not taken"
        if not feeder.done():
            feeder.cancel()
        for buffer in (0, 1):
            await user.release(buffer)
        await ClockCycles(dut.clk, 2)
        assert int(dut.s_ready.value) == right, "releasing does not mend a frame"

        dut.s_valid.value, dut.rst.value = 0, 1
        await ClockCycles(dut.clk, 2)
        assert not dut.s_ready.value, "ready in reset"
        dut.rst.value = 0
        user.writes.clear()
        await ClockCycles(dut.clk, 1)
        image = np.arange(1, 3 * user.bytes + 1).astype(np.uint8)
        await source.send(beats(image, user.bytes))
        await ClockCycles(dut.clk, 2)
        assert user.writes == user.expected(image, 0), "a new start begins with buffer 0"
        assert not dut.frame_error.value
