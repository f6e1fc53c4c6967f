"""The known answers on the chip's Verilog, by cocotb: as a stream, as the bus transcript, and by the C programs.

Run it with the Makefile beside it. Needs cocotb and codesign.
"""

import csv
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge, SimTimeoutError, with_timeout

from codesign.sim.benches.chip_bench import reset
from codesign.sim.bus import Apb, ApbError
from codesign.sim.streams import Sink, Source, beats
from codesign.vectors.transcript import Line, Transcript, read

PACK = Path(__file__).resolve().parent.parent
TRANSCRIPT = Path(os.environ.get("TRANSCRIPT", PACK / "transcript.txt"))
CLOCK_NS = 10


class Wrong(Exception):
    """The chip gives another answer than the known one."""


def rows(name: str) -> list[list[str]]:
    """The rows of a CSV file of the pack, without its head."""
    with (PACK / name).open(newline="", encoding="utf-8") as f:
        return list(csv.reader(f))[1:]


class Host:
    """A chip as its host sees it: registers and two streams."""

    def __init__(self, dut: Any, bus: Apb, transcript: Transcript) -> None:
        self.dut, self.bus, self.transcript = dut, bus, transcript
        self.source, self.edge = Source(dut, "s_axis"), RisingEdge(dut.clk)
        self.sent = self.taken = 0
        dut.m_axis_tready.value = 0

    async def send(self, data: int, keep: int, last: bool) -> None:
        """A beat. Raises Wrong if the chip does not take it."""
        try:
            await self._within(self.source.send([(data, keep, last)], self._told))
        except SimTimeoutError:
            raise Wrong("the chip takes no input") from None

    def _told(self) -> None:
        self.sent = int(self.dut.cycle.value)

    async def take(self) -> tuple[int, bool]:
        """The next word, and whether it is the last of an image. Raises Wrong if none comes."""

        async def word() -> None:
            self.dut.m_axis_tready.value = 1
            await self.edge
            while not self.dut.m_axis_tvalid.value:
                await self.edge

        try:
            await self._within(word())
        except SimTimeoutError:
            raise Wrong("no word comes") from None
        self.taken = int(self.dut.cycle.value)
        found = int(self.dut.m_axis_tdata.value), bool(self.dut.m_axis_tlast.value)
        self.dut.m_axis_tready.value = 0
        return found

    async def _within(self, what: Any) -> None:
        await with_timeout(what, self.transcript.patience * CLOCK_NS, "ns")

    async def read(self, address: int) -> int:
        """A register; bits of memory that was never written are 0 here."""
        return int((await self.bus.read_bits(address)).upper().replace("X", "0"), 2)


async def play(host: Host, lines: tuple[Line, ...]) -> int:
    """Play a transcript; returns the answers compared. Raises Wrong with the cause: the wrong answer of lowest rank."""
    found: list[tuple[int, str]] = []
    compared = 0

    def judge(line: Line, rank: str, places: str, differs: int, want: int, got: int) -> None:
        if differs:
            names = places.split(",")
            byte = next(k for k in range(4) if differs >> 8 * k & 0xFF)
            where = names[min(byte, len(names) - 1)]
            found.append((int(rank), f"line {line.number}: {where}: expected 0x{want:08x}, got 0x{got:08x}"))

    for line in lines:
        match line.op, line.fields:
            case "w", (address, data):
                await host.bus.write(int(address, 16), int(data, 16))
            case "r", (address, place):
                cocotb.log.info("%s 0x%08x", place, await host.read(int(address, 16)))
            case "x", (address, data, mask, rank, places):
                got, want = await host.read(int(address, 16)) & int(mask, 16), int(data, 16)
                judge(line, rank, places, got ^ want, want, got)
                compared += 1
            case "s", (last, keep, data):
                await host.send(int(data, 16), int(keep, 16), last == "1")
            case "m", (last, data, rank, place):
                got, ended = await host.take()
                want = int(data, 16)
                judge(line, rank, place, got ^ want, want, got)
                compared += 1
                if ended != (last == "1"):
                    raise Wrong(f"line {line.number}: the last word of an image comes {'early' if ended else 'late'}")
            case "t", (cycles,):
                if (took := host.taken - host.sent) != int(cycles):
                    where = f"line {line.number}: {took} cycles from the last beat to the last word"
                    raise Wrong(f"{where}, expected {cycles}")
        if found and found[-1][0] == 0:
            break
    if found:
        raise Wrong(min(found, key=lambda f: f[0])[1])
    return compared


@cocotb.test()
async def stream_of_images(dut: Any) -> None:
    """All images back to back: every word and every cycle."""
    transcript = read(PACK / "transcript.txt")
    host = Host(dut, await reset(dut), transcript)
    for line in transcript.lines:  # up to the first image: identify and program
        if line.op == "s":
            break
        await play(host, (line,))
    sink, ins, outs = Sink(dut, "m_axis"), [], []
    inputs, words = rows("inputs.csv"), rows("words.csv")

    async def feed() -> None:
        for row in inputs:
            image = beats([int(v) for v in row[1:]], transcript.stream_bytes)
            await host.source.send(image, lambda: ins.append(int(dut.cycle.value)))

    cocotb.start_soon(feed())
    for n, row in enumerate(words):
        got = await with_timeout(sink.frame(), transcript.patience * CLOCK_NS, "ns")
        outs.append(int(dut.cycle.value))
        want = [int(v) & 0xFFFFFFFF for v in row[1:]]
        assert got == want, f"image {n}: got the words {got}, expected {want}"
    expected = [(int(beat), int(word)) for _, beat, word in rows("cycles.csv")]
    first = expected[0][0] - ins[0]
    assert [(beat + first, word + first) for beat, word in zip(ins, outs, strict=True)] == expected
    assert len(outs) == len(inputs) == len(words) > 0


@cocotb.test()
async def bus_transcript(dut: Any) -> None:
    """The bus transcript, line by line."""
    found = read(TRANSCRIPT)
    assert await play(Host(dut, await reset(dut), found), found.lines) > 0


async def serve(dut: Any, *command: str) -> str:
    """Run a C program whose bus is this chip, see board.h; returns what it printed."""
    host = Host(dut, await reset(dut), read(PACK / "transcript.txt"))
    theirs_from, ours_to = os.pipe()
    ours_from, theirs_to = os.pipe()
    env = {**os.environ, "CODESIGN_BUS": f"{theirs_from},{theirs_to}"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, pass_fds=(theirs_from, theirs_to))
    for end in (theirs_from, theirs_to):
        os.close(end)
    served: dict[str, Callable[..., Any]] = {
        "w": lambda address, data: host.bus.write(int(address, 16), int(data, 16)),
        "s": lambda last, data: host.send(*_beat(bytes.fromhex(data)), last == "1"),
    }
    with open(ours_from, encoding="ascii") as asked, open(ours_to, "w", encoding="ascii") as answers:
        for line in asked:
            op, *fields = line.split()
            try:
                if op in served:
                    await served[op](*fields)
                    continue
                word, last = await host.take() if op == "m" else (await host.read(int(fields[0], 16)), False)
            except (ApbError, Wrong) as e:
                child.kill()
                child.wait()
                raise Wrong(f"{' '.join(line.split())}: {e}") from None
            answers.write(f"{word:x} {int(last)}\n")
            answers.flush()
    said, _ = child.communicate()
    cocotb.log.info("%s", said.strip())
    return said.strip()


def _beat(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data, "little"), (1 << len(data)) - 1


def built(name: str) -> bool:
    """Whether the Makefile has compiled a C program: it needs a C compiler."""
    return Path(name).is_file()


@cocotb.test(skip=not built("known_answer"))
async def known_answer(dut: Any) -> None:
    """known_answer.c on this chip."""
    said = await serve(dut, "./known_answer")
    assert said.startswith("PASS"), said


@cocotb.test(skip=not built("play"))
async def c_transcript(dut: Any) -> None:
    """play.c and the transcript on this chip."""
    said = await serve(dut, "./play", str(TRANSCRIPT))
    assert said.splitlines()[-1].startswith("PASS"), said
