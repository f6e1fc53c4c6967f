"""Known answers on simulated chips: a good chip passes, each fault is told at its place, each layer is found."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from codesign import vectors
from codesign.fixed import Ints
from codesign.mapping import place
from codesign.program import Program
from codesign.sim.job import write_die
from flows.benchmarks.bringup.programs import TINY, flipped, lenet, network
from flows.benchmarks.bringup.table import head, row, share

REGISTERS = "ID", "CHIP_ID", "STATUS.IMAGE_STATE", "IMAGE_CRC", "STATUS.IDLE", "IMAGES", "IRQ_STATUS.DONE"


class Pack:
    """A pack whose player is built."""

    def __init__(self, program: Program, images: Ints, folder: str, each_layer: bool = False) -> None:
        self.program, self.images = program, images
        self.home = vectors.write(program, Path(folder) / "pack", images, each_layer)
        self.tb = self.home / "tb"
        self.transcript = (self.home / "transcript.txt").read_text()
        self.passes = re.search(r"^PASS \d+ operations$", self.make("player"), re.M) is not None

    def make(self, *words: str) -> str:
        """What make says in the bench's folder, whatever its status."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("COCOTB")}
        return _said("make", "-C", str(self.tb), *words, env=env)

    def die(self, layer: str) -> tuple[str, vectors.Place]:
        """The argument that gives the chip a flipped cell of a layer, and where its first wrong value is made."""
        die, made, _ = flipped(self.program, layer, self.images)
        write_die(die, self.program, self.tb / f"die_{layer}")
        return f"+die={self.tb / f'die_{layer}'}", made

    def play(self, transcript: str, *arguments: str) -> str:
        """The player's verdict."""
        (self.tb / "changed.txt").write_text(transcript)
        said = _said(str(self.tb / "player_icarus"), f"+transcript={self.tb / 'changed.txt'}", *arguments)
        return next((line for line in said.splitlines() if line.startswith(("PASS", "FAIL"))), said)

    def changed(self, line: int, field: int) -> str:
        """The player's verdict on a transcript with one bit of a line's field flipped."""
        lines = self.transcript.splitlines()
        words = lines[line].split(" ")
        words[field] = f"{int(words[field], 16) ^ 0x40:0{len(words[field])}x}"
        lines[line] = " ".join(words)
        return self.play("\n".join([*lines, ""]))


def known_answers(quick: bool) -> bool:
    """A perceptron of three layers on `tiny`."""
    program = Program(place(network([30, 11, 7, 5], TINY, 0), TINY))
    images = vectors.sample_inputs(program.network, 2 if quick else 4)
    with tempfile.TemporaryDirectory() as folder:
        pack = Pack(program, images, folder)
        said, lines = pack.make(), pack.transcript.splitlines()
        head(f"known answers: 30-11-7-5 on tiny, {len(images)} images, in Icarus Verilog")
        good = [pack.passes, "TESTS=4 PASS=4 FAIL=0" in said, "PASS " in said.split("known_answer.c on")[-1]]
        row("the player; stream, transcript and C programs in cocotb", "PASS" if all(good) else "FAIL")
        words = [k for k, line in enumerate(lines) if line.startswith("m ")]
        told = [pack.changed(k, 2).startswith(f"FAIL line {k + 1}: {lines[k].split()[4]}: expected 0x") for k in words]
        good.append(share("one expected word flipped: told by its line, unit, array, column", told))
        names = [
            next(k for k, line in enumerate(lines) if line.startswith("x ") and line.endswith(n)) for n in REGISTERS
        ]
        told = [pack.changed(k, 2).startswith(f"FAIL line {k + 1}: {lines[k].split()[5]}: ") for k in names]
        good.append(share("one expected register wrong: told by its line and name", told))
        told, by_c = list[bool](), list[bool]()
        for layer in ("fc1", "fc2", "fc3"):
            argument, made = pack.die(layer)
            verdict = pack.play(pack.transcript, argument)
            told.append(re.match(rf"FAIL line \d+: {re.escape(str(made))}: ", verdict) is not None)
            said = pack.make("COCOTB_TESTCASE=known_answer", f"COCOTB_PLUSARGS={argument}")
            place_ = rf"layer {layer}, output {made.number}, .*column {made.column}: expected"
            by_c.append(re.search(rf"FAIL image \d+: {place_}", said) is not None)
        good.append(share("one cell flipped, in each layer: told by the player", told))
        good.append(share("the same, told by known_answer.c", by_c))
    return all(good)


def first_layer(quick: bool) -> bool:
    """LeNet on lenet-128, a cell flipped in each layer in turn; quick: in one that is not the last."""
    program, x = lenet()
    with tempfile.TemporaryDirectory() as folder:
        pack = Pack(program, x[:1], folder, each_layer=True)
        head("the first wrong layer: LeNet on lenet-128, 1 image")
        found = list[bool]()
        for layer in ("conv2",) if quick else ("conv1", "conv2", "fc1", "fc2"):
            argument, _ = pack.die(layer)
            player = str(pack.tb / "player_icarus"), "+transcript={}", argument
            last = _said(sys.executable, str(pack.home / "find_layer.py"), *player).splitlines()[-1]
            found.append(re.match(rf"FAIL: layer {layer}\b", last) is not None)
        return share("one cell flipped, in each layer: find_layer.py names it", found) and pack.passes


def _said(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    return done.stdout + done.stderr
