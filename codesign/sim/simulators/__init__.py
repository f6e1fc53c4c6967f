"""The simulators, behind one protocol: compile a chip, run a job on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codesign.sim.simulators import icarus, verilator

Build = Callable[[Mapping[str, str], Sequence[str], str, bool], Path]
Run = Callable[[Path, str, Path, Sequence[str], bool, Path | None, Path | None, Callable[[], None] | None], None]


@dataclass(frozen=True)
class Simulator:
    """A simulator of chips.

    build(files, sources, top, waves) compiles `sources` (names in `files`), once for all programs. run(built, top,
    folder, plusargs, waves, log, heartbeat, tick) runs the job in `folder` (job.json, job.npz; see `codesign.sim.job`)
    and leaves result.npz there. Both raise ToolError. scope: what precedes the top's name in recorded waves.
    """

    require: Callable[[], None]
    build: Build
    run: Run
    version: Callable[[], str]
    scope: str = ""


SIMULATORS = {
    "icarus": Simulator(icarus.require, icarus.build_chip, icarus.run_chip, icarus.version),
    "verilator": Simulator(verilator.require, verilator.build, verilator.run, verilator.version, "TOP."),
}
