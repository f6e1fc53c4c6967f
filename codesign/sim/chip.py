"""Run a program on the chip's Verilog and judge every word and every cycle."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError, UnsupportedError
from codesign.ir.run import check_inputs
from codesign.mapping import Die
from codesign.program import Program
from codesign.sim.job import Job, Progress, run_bench
from codesign.sim.judge import judge
from codesign.sim.place import place
from codesign.sim.result import Result


def simulate(
    program: Program,
    x: NDArray[np.generic],
    simulator: str = "icarus",
    folder: str | Path | None = None,
    waves: bool = False,
    load: str = "bus",
    die: Die | None = None,
    input_pause: float = 0.0,
    output_pause: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
    reproduce: str = "",
) -> Result:
    """Stream integer inputs (images, features) through the chip's RTL and compare with the reference.

    load: "bus" programs through APB like firmware, "backdoor" through $readmemh. die: conductance codes
    that the array macros hold. input_pause, output_pause: share of idle cycles on the streams, 0..0.9
    (cycles are judged only without them). folder keeps the job, log and waves (absent: temporary); waves
    records chip.fst with a chip.gtkw beside it. reproduce: start of a command line named in mismatches.

    Raises InputError on unfit inputs, UnsupportedError for another simulator, ToolError when Icarus
    Verilog is missing or the simulation breaks down or shows no sign of life for 300 s; its log is kept then, also
    that of a temporary folder. OutputError when a folder cannot be written or another simulation writes there. A wrong
    word raises nothing: see Result.mismatches.
    """
    if simulator != "icarus":
        raise UnsupportedError(f"simulator {simulator!r}: is not supported; use icarus")
    if load not in ("bus", "backdoor"):
        raise UnsupportedError(f"load {load!r}: must be bus or backdoor")
    if not (0 <= input_pause <= 0.9 and 0 <= output_pause <= 0.9):
        raise InputError(f"simulate: pauses must lie in 0..0.9, got {input_pause:g} and {output_pause:g}")
    images = check_inputs(x, program.network)
    if len(images) == 0:
        raise InputError("simulate: no images were given; pass at least one row")
    if waves and folder is None:
        raise InputError("simulate: waves need a folder to be kept in; give folder=")
    with place(folder) as (work, log):
        job = Job(program, images, work, load == "backdoor", die, input_pause, output_pause, seed, waves, log=log)
        found, seconds = run_bench(job, progress)
        return judge(job, found, seconds, reproduce)
