"""One run of the chip bench: the files it reads, the simulator that runs it, the files it leaves."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import ToolError
from codesign.fixed import Ints, pack_fields
from codesign.image import render
from codesign.mapping import Die
from codesign.program import Program
from codesign.rtl import emit, plan
from codesign.sim import icarus
from codesign.sim.waves import write_gtkw

Progress = Callable[[int, int], None]
BENCH = "codesign.sim.chip_bench"


@dataclass(frozen=True, eq=False)
class Job:
    """What to simulate, and how the streams behave. Pauses are shares of idle cycles, 0..0.9."""

    program: Program
    images: Ints  # (images, features)
    folder: Path
    backdoor: bool = False
    die: Die | None = None
    input_pause: float = 0.0
    output_pause: float = 0.0
    seed: int = 0
    waves: bool = False
    probe: bool = False  # record hidden activations too

    @property
    def paused(self) -> bool:
        return self.input_pause > 0 or self.output_pause > 0


def build(program: Program) -> Path:
    """Compile the program's chip (not the program) for Icarus; done once per chip."""
    module = plan(program.chip).module
    files = emit(program.chip)
    sources = [s for s in files[f"{module}_sim.f"].split() if not s.startswith("+")]
    return icarus.build(files, sources, f"{module}_sim")


def run(job: Job, progress: Progress | None = None) -> tuple[dict[str, NDArray[Any]], float]:
    """What the bench found (outputs, ins, outs, hidden), and the seconds its streams took.

    Raises ToolError when the simulator is missing or the bench fails.
    """
    top = f"{plan(job.program.chip).module}_sim"
    simulator = build(job.program)
    job.folder.mkdir(parents=True, exist_ok=True)
    work = job.folder.resolve()
    for name in ("result.npz", "progress"):
        (work / name).unlink(missing_ok=True)
    plusargs = _write_inputs(job, work, progress is not None)
    if job.waves:
        write_gtkw(work / "chip.gtkw", work / "chip.fst", job.program.chip)
    started = time.perf_counter()
    with _Watch(work / "progress", len(job.images), progress):
        icarus.run(simulator, top, BENCH, work, {"CODESIGN_JOB": str(work)}, plusargs, job.waves)
    try:
        with np.load(work / "result.npz", allow_pickle=False) as data:
            found = {name: data[name] for name in data.files}
    except (OSError, ValueError):
        raise ToolError(f"simulation left no result in {work}; see simulation.log there") from None
    return found, float(found.get("seconds", time.perf_counter() - started))


def _write_inputs(job: Job, work: Path, progress: bool) -> list[str]:
    """job.json, job.npz and what the plusargs name; returns the plusargs."""
    program = job.program
    cycles = program.mapping.beats + program.network.outputs + program.cycles.latency
    slowest = 1 - max(job.input_pause, job.output_pause)
    settings = {
        "backdoor": job.backdoor,
        "stream_bytes": program.chip.bus.stream_bytes,
        "input_pause": job.input_pause,
        "output_pause": job.output_pause,
        "seed": job.seed,
        "probe": job.probe,
        "progress": progress,
        "timeout_cycles": int(10 * cycles / slowest) + 1000,
    }
    (work / "job.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    np.savez(
        work / "job.npz",
        images=(job.images & 0xFF).astype(np.uint8),
        words=np.asarray(program.words, dtype=np.uint32),
    )
    plusargs = []
    if job.backdoor:
        (work / "backdoor").mkdir(exist_ok=True)
        for name, data in render(program.mapping).items():
            if name.endswith(".hex"):
                (work / "backdoor" / name).write_bytes(data)
        plusargs += [f"+backdoor={work / 'backdoor'}", f"+image_crc={program.words[-1]:08x}"]
    if job.die is not None:
        write_die(job.die, program, work / "die")
        plusargs.append(f"+die={work / 'die'}")
    if job.waves:
        plusargs.append(f"+waves={work / 'chip.fst'}")
    return plusargs


def write_die(die: Die, program: Program, folder: Path) -> None:
    """The die as $readmemh files: a wordline a line, cell k at bits [k*code_bits +: code_bits]."""
    die.check(program.mapping)
    folder.mkdir(parents=True, exist_ok=True)
    bits, columns = program.chip.device.code_bits, program.chip.arrays.columns
    digits = -(-columns * bits // 4)
    for array, codes in die.codes.items():
        lines = [f"{pack_fields(row, bits):0{digits}x}\n" for row in codes]
        (folder / f"array_{array}.hex").write_text("".join(lines), encoding="utf-8")


class _Watch:
    """Reports the images done while the simulator runs, from a file that the bench keeps."""

    def __init__(self, path: Path, total: int, progress: Progress | None) -> None:
        self.path, self.total, self.progress = path, total, progress
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._loop, daemon=True)

    def _loop(self) -> None:
        while self.progress and not self.stop.wait(0.2):
            try:
                self.progress(int(self.path.read_text(encoding="utf-8") or 0), self.total)
            except (OSError, ValueError):
                continue

    def __enter__(self) -> None:
        if self.progress:
            self.progress(0, self.total)
            self.thread.start()

    def __exit__(self, failed: object, *_: object) -> None:
        self.stop.set()
        if self.progress:
            self.thread.join()
            if failed is None:
                self.progress(self.total, self.total)
