"""Run a program on the chip's Verilog and judge every word and every cycle."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError, UnsupportedError
from codesign.ir.run import check_inputs
from codesign.mapping import Die
from codesign.program import Program
from codesign.sim.farm import run_farm, split
from codesign.sim.job import Job, Pauses, Progress, run_bench
from codesign.sim.judge import Stream, judge
from codesign.sim.place import place
from codesign.sim.result import Result
from codesign.sim.simulators import SIMULATORS
from codesign.workers import Workers

NONE = Pauses()


def simulate(
    program: Program,
    x: NDArray[np.generic],
    simulator: str = "icarus",
    *,
    folder: str | Path | None = None,
    waves: bool = False,
    load: str = "bus",
    die: Die | None = None,
    pauses: Pauses = NONE,
    progress: Progress | None = None,
    jobs: int | Workers = 1,
) -> Result:
    """Stream integer inputs (images, features) through the chip's RTL and compare with the reference.

    load: "bus" programs through APB like firmware, "backdoor" through $readmemh. die: conductance codes
    that the array macros hold. pauses: idle cycles of the streams (cycles are judged only without them). folder
    keeps the job, log and waves (absent: temporary); waves records chip.fst with a chip.gtkw beside it. progress is
    called with the images done and their number.

    jobs: simulator processes that share the images, here or on the Dask cluster of `Workers`. Each programs the chip
    and compares every word and cycle of its part; together they give the result of one process (pauses differ). Where
    `folder` is given, finished parts stay there until all are, and the same call after a kill runs only the others.

    simulator: "icarus" starts within a second; "verilator" first compiles the chip, for about a minute and once for all
    its programs, and then runs many times faster. Both find the same words and cycles.

    Raises InputError on anything but a program and on invalid inputs, UnsupportedError for another simulator, ToolError
    when the simulator is missing or the simulation breaks down or shows no sign of life for 300 s; its log is kept
    then, also that of a temporary folder. OutputError when a folder cannot be written or another simulation writes
    there. A wrong word raises nothing: see Result.mismatches.

    Usage, with a `program` that `compile` returned and its integer inputs `x`:

    >>> import codesign
    >>> result = codesign.simulate(program, x)
    >>> result.mismatches, result.timing_errors
    ((), 0)
    >>> result.latency == program.cycles.latency
    True
    """
    if simulator not in SIMULATORS:
        raise UnsupportedError(f"simulator {simulator!r}: is not supported; use {' or '.join(SIMULATORS)}")
    if load not in ("bus", "backdoor"):
        raise UnsupportedError(f"load {load!r}: must be bus or backdoor")
    if not isinstance(program, Program):
        raise InputError(f"simulate: program must be a codesign.Program, got a {type(program).__name__}; compile it")
    images = check_inputs(x, program.network)
    if len(images) == 0:
        raise InputError("simulate: no images were given; pass at least one row")
    if waves and folder is None:
        raise InputError("simulate: waves need a folder to be kept in; give folder=")
    workers = jobs if isinstance(jobs, Workers) else Workers(jobs)
    if workers.count < 1:
        raise InputError(f"simulate: jobs must be at least 1, got {workers.count}; give a number of processes")
    with place(folder) as (work, log):
        job = Job(program, images, work, load == "backdoor", die, pauses, waves, log=log, simulator=simulator)
        parts = split(job, workers)
        if waves and len(parts) > 1:
            raise InputError("simulate: waves show one process; give jobs=1, or only the images of interest")
        if workers.inline(len(parts)):
            found, seconds = run_bench(job, progress)
            return judge(job, [Stream(found)], seconds)
        return judge(job, *run_farm(job, parts, workers, progress))
