"""One run of the chip bench: the files it reads, the simulator that runs it, the files it leaves."""

import json
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError, ToolError
from codesign.fixed import Ints, pack_fields
from codesign.folders import writing
from codesign.image import render
from codesign.mapping import Die
from codesign.program import Program
from codesign.rtl import emit, plan
from codesign.sim.simulators import SIMULATORS
from codesign.sim.waves import is_whole, write_gtkw

Progress = Callable[[int, int], None]
DUMP, SHOWN = "chip.fst", "chip.gtkw"
OUTPUTS = "outputs.npy"  # written by the command, once the simulation has ended
HEARTBEAT = "progress"  # a file with the number of images done; touched while the bench is alive
OF_A_RUN = ("result.npz", "result.partial.npz", "simulation.log", OUTPUTS, DUMP, SHOWN)  # an earlier run's are removed


@dataclass(frozen=True)
class Pauses:
    """How often the streams stand still: shares of idle cycles, 0..0.9, drawn from `seed`."""

    input: float = 0.0
    output: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.input <= 0.9 and 0 <= self.output <= 0.9):
            raise InputError(
                f"simulate: pauses must lie in 0..0.9, got {self.input:g} and {self.output:g}; "
                "give shares of idle cycles"
            )

    @property
    def any(self) -> bool:
        """Whether a stream pauses at all."""
        return self.input > 0 or self.output > 0


@dataclass(frozen=True, eq=False)
class Job:
    """What to simulate, and how the streams behave."""

    program: Program
    images: Ints  # (images, features)
    folder: Path
    backdoor: bool = False
    die: Die | None = None
    pauses: Pauses = Pauses()
    waves: bool = False
    probe: bool = False  # record hidden activations too
    cut: int = 0  # cycles of a first session that a reset cuts off; it is not recorded. 0: no such session
    reset_clocks: int = 3  # of the reset before the recorded session
    simulator: str = "icarus"
    log: Path | None = None  # absent: simulation.log in the folder


def build(program: Program, simulator: str = "icarus", waves: bool = False) -> Path:
    """Compile the program's chip (not the program) for a simulator; done once per chip. waves: able to record them."""
    module = plan(program.chip).module
    files = emit(program.chip)
    sources = [s for s in files[f"{module}_sim.f"].split() if not s.startswith("+")]
    return SIMULATORS[simulator].build(files, sources, f"{module}_sim", waves)


def cleared(folder: Path) -> None:
    """Remove what an earlier run left in the folder."""
    for name in OF_A_RUN:
        (folder / name).unlink(missing_ok=True)


def run_bench(job: Job, progress: Progress | None = None) -> tuple[dict[str, NDArray[Any]], float]:
    """What the bench found (outputs, ins, outs, hidden), and the seconds its streams took.

    Raises ToolError when the simulator is missing or the bench fails, OutputError when the folder cannot be written.
    """
    top = f"{plan(job.program.chip).module}_sim"
    with writing(job.folder):
        job.folder.mkdir(parents=True, exist_ok=True)
        work = job.folder.resolve()
        cleared(work)
        built = build(job.program, job.simulator, job.waves)
        (work / HEARTBEAT).write_text("0", encoding="utf-8")
        plusargs = _write_inputs(job, work)
        if job.waves:
            write_gtkw(work / SHOWN, work / DUMP, job.program.chip, SIMULATORS[job.simulator].scope)
        started = time.perf_counter()
        SIMULATORS[job.simulator].run(
            built, top, work, plusargs, job.waves, job.log, work / HEARTBEAT, lambda: _tell(job, progress)
        )
    _tell(job, progress)
    try:
        with np.load(work / "result.npz", allow_pickle=False) as data:
            found = {name: data[name] for name in data.files}
        if len(found["outputs"]) != len(job.images):
            raise ValueError("other images")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        raise ToolError(f"{work}: the simulation left no complete result.npz; check whether the disk is full") from None
    if job.waves and not is_whole(work / DUMP):
        raise ToolError(f"{work / DUMP}: the simulator did not finish writing it; check whether the disk is full")
    return found, float(found.get("seconds", time.perf_counter() - started))


def _tell(job: Job, progress: Progress | None) -> None:
    """Report the images done, from the file that the bench keeps."""
    if progress:
        with suppress(OSError, ValueError):  # just being written
            progress(int((job.folder / HEARTBEAT).read_bytes()), len(job.images))


def _write_inputs(job: Job, work: Path) -> list[str]:
    """Write job.json, job.npz and the files that the plusargs name; returns the plusargs.

    The names are relative to `work`, the simulator's current folder: it takes only short ASCII ones.
    """
    program = job.program
    cycles = program.mapping.beats + program.network.outputs + program.cycles.latency
    slowest = 1 - max(job.pauses.input, job.pauses.output)
    settings = {
        "backdoor": job.backdoor,
        "stream_bytes": program.chip.bus.stream_bytes,
        "input_pause": job.pauses.input,
        "output_pause": job.pauses.output,
        "seed": job.pauses.seed,
        "probe": job.probe,
        "cut": job.cut,
        "reset_clocks": job.reset_clocks,
        "activation_bits": program.chip.adc.lanes * program.chip.activation.bits,
        "timeout_cycles": int(10 * cycles / slowest) + 1000,
    }
    (work / "job.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    np.savez(
        work / "job.npz",
        images=(job.images & 0xFF).astype(np.uint8),
        words=np.asarray(program.words, dtype=np.uint32),
    )
    plusargs = [f"+arrays={sum(1 << u.array for u in program.mapping.arrays):x}"]
    if job.backdoor:
        (work / "backdoor").mkdir(exist_ok=True)
        for name, data in render(program.mapping).items():
            if name.endswith(".hex"):
                (work / "backdoor" / name).write_bytes(data)
        plusargs += ["+backdoor=backdoor", f"+image_crc={program.words[-1]:08x}"]
    if job.die is not None:
        write_die(job.die, program, work / "die")
        plusargs += ["+die=die", f"+die_fraction={job.die.fraction}"]
    if job.waves:
        plusargs.append(f"+waves={DUMP}")
    return plusargs


def write_die(die: Die, program: Program, folder: Path) -> None:
    """The program's arrays of the die as $readmemh files: one wordline a line, cell k at [k*bits +: bits].

    bits: code_bits + fraction.
    """
    held = die.on(program.mapping).codes
    folder.mkdir(parents=True, exist_ok=True)
    bits, columns = program.chip.device.code_bits + die.fraction, program.chip.arrays.columns
    digits = -(-columns * bits // 4)
    for use in program.mapping.arrays:
        lines = [f"{pack_fields(row, bits):0{digits}x}\n" for row in held[use.array]]
        (folder / f"array_{use.array}.hex").write_text("".join(lines), encoding="utf-8")
