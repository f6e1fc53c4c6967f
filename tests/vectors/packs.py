"""Packs of small programs, dies with one flipped cell, and what plays a transcript."""

import os
import shutil
import subprocess
from pathlib import Path

from codesign import vectors
from codesign.chip.description import Chip
from codesign.fixed import Ints, IntType, Trim
from codesign.mapping import Die, place
from codesign.program import Program
from codesign.sim.job import write_die
from tests.hdl.programs import images, net
from tests.mapping.pictures import small

TINY = Chip.load("tiny")


def perceptron() -> Program:
    """Three layers, a range, signed activations between the last two."""
    network = net([30, 11, 7, 5], TINY, hidden=IntType(6), seed=3)
    return Program(place(network, TINY, {"fc1": Trim(3, 2)}))


def picture() -> Program:
    """Two convolutions, the first pooled, the second signed, and a linear layer."""
    return Program(place(small(), TINY))


PROGRAMS = {"perceptron": perceptron, "picture": picture}


def inputs(program: Program) -> Ints:
    return images(3, program.network, seed=5, zeros=0.2)


def written(program: Program, folder: Path, each_layer: bool = False) -> Path:
    """The pack, in a folder of its own."""
    return vectors.write(program, folder, inputs(program), each_layer)


def with_die(die: Die, program: Program, tb: Path) -> str:
    """Writes the die beside the bench; returns the plusarg that names it."""
    shutil.rmtree(tb / "die", ignore_errors=True)
    write_die(die, program, tb / "die")
    return "+die=die"


def make(tb: Path, *words: str) -> tuple[int, str]:
    """Status and output of make in a bench's folder."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("COCOTB")}
    done = subprocess.run(["make", "-C", str(tb), *words], capture_output=True, text=True, env=env, timeout=600)
    return done.returncode, done.stdout + done.stderr


def play(tb: Path, transcript: str | None = None, *plusargs: str, simulator: str = "icarus") -> str:
    """What the player says of a transcript (absent: the pack's own), in its last line. It is built already."""
    file = tb / "changed.txt"
    if transcript is not None:
        file.write_text(transcript)
    named = f"+transcript={file.name if transcript is not None else '../transcript.txt'}"
    command = [f"./player_{simulator}", named, *plusargs]
    done = subprocess.run(command, cwd=tb, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return next(line for line in reversed(done.stdout.splitlines()) if line.startswith(("PASS", "FAIL")))


def lines_of(transcript: str, op: str) -> list[int]:
    """Numbers, from 0, of the lines of one operation."""
    return [k for k, line in enumerate(transcript.splitlines()) if line.startswith(f"{op} ")]


def with_line(transcript: str, at: int, field: int, change: int) -> str:
    """The transcript with one hexadecimal field of one line changed by an exclusive or."""
    lines = transcript.splitlines(keepends=True)
    words = lines[at].split()
    words[field] = f"{int(words[field], 16) ^ change:0{len(words[field])}x}"
    lines[at] = " ".join(words) + "\n"
    return "".join(lines)
