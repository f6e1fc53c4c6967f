"""The chip's streams: an input image as AXI4-Stream beats, a driver and a monitor for cocotb benches."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge
from numpy.typing import ArrayLike


def beats(image: ArrayLike, width: int) -> list[tuple[int, int, bool]]:
    """The (data, keep, last) beats of one image on a stream of `width` bytes, as docs/image.md says.

    image: integer activations in row-major order, one a byte, negative ones in two's complement.
    """
    raw = np.asarray(image).astype(np.uint8).tobytes()
    parts = [(raw[at : at + width], at + width >= len(raw)) for at in range(0, len(raw), width)]
    return [(int.from_bytes(part, "little"), (1 << len(part)) - 1, last) for part, last in parts]


class Source:
    """Drives PREFIX_tvalid, _tdata, _tkeep, _tlast; `pause` (0..1) is the share of idle cycles."""

    def __init__(self, dut: Any, prefix: str, pause: float = 0.0, seed: int = 0) -> None:
        self.valid, self.ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self.data, self.keep = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tkeep")
        self.last = getattr(dut, f"{prefix}_tlast")
        self.edge = RisingEdge(dut.clk)
        self.pause, self.random = pause, random.Random(seed)
        for signal in (self.valid, self.data, self.keep, self.last):
            signal.value = 0

    async def send(self, beats: Iterable[tuple[int, int, bool]], sent: Callable[[], None] | None = None) -> None:
        """Send (data, keep, last) beats; `sent` is called in the cycle that takes a last beat."""
        keep_now = last_now = None
        for data, keep, last in beats:
            while self.pause and self.random.random() < self.pause:
                self.valid.value = 0
                await self.edge
            self.data.value = data
            if keep != keep_now:
                self.keep.value = keep_now = keep
            if last != last_now:
                self.last.value = last_now = last
            self.valid.value = 1
            await self.edge
            while not self.ready.value:
                await RisingEdge(self.ready)  # waking each cycle would cost more than the chip
                await self.edge
            if last and sent:
                sent()
        self.valid.value = 0


class Sink:
    """Takes PREFIX_tdata words; `pause` (0..1) is the share of cycles without ready."""

    def __init__(self, dut: Any, prefix: str, pause: float = 0.0, seed: int = 1) -> None:
        self.valid, self.ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self.data, self.last = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tlast")
        self.edge = RisingEdge(dut.clk)
        self.pause, self.random = pause, random.Random(seed)
        self.ready.value = 0

    async def frame(self) -> list[int]:
        """Words up to and with the one marked last."""
        words: list[int] = []
        while True:
            ready = not (self.pause and self.random.random() < self.pause)
            self.ready.value = int(ready)
            if not self.pause and not words and not self.valid.value:
                await RisingEdge(self.valid)
            await self.edge
            if ready and self.valid.value:
                words.append(int(self.data.value))
                if self.last.value:
                    return words
