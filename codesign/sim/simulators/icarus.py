"""The only place that starts a simulator: compile once, run cocotb tests, report a failure in one line."""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from codesign.errors import ToolError
from codesign.sim.simulators.cache import compiled, entry_of
from codesign.sim.simulators.child import Tick, execute
from codesign.sim.simulators.watch import Patience, Stalled, ended, first_line, last_line, marked, room

RESULTS = "results.xml"
BENCH = "codesign.sim.benches.chip_bench"
# cocotb by default rewrites the assertions of every module that a bench imports: half a second a simulation.
QUICK = {"COCOTB_RESULTS_ATTACHMENTS": "", "COCOTB_REWRITE_ASSERTION_FILES": ""}


def require() -> None:
    """Raises ToolError when Icarus Verilog or the shared libpython is missing, with the way to get it."""
    if shutil.which("iverilog") is None or shutil.which("vvp") is None:
        raise ToolError(
            "iverilog: not found on PATH; simulation needs Icarus Verilog 11 or newer, install it "
            "(Debian, Ubuntu: apt-get install iverilog; macOS: brew install icarus-verilog) and run again"
        )
    from find_libpython import find_libpython

    if find_libpython() is None:
        raise ToolError(
            "libpython: no shared library of this Python; cocotb needs it, install it "
            "(Debian, Ubuntu: apt-get install libpython3-dev) or use a Python built with --enable-shared"
        )


def build(
    files: Mapping[str, str], sources: Sequence[str], top: str, parameters: Mapping[str, object] | None = None
) -> Path:
    """A folder with the compiled simulator of `sources` (names in `files`); compiled once per content and compiler.

    A cached simulator that has changed is compiled again. Raises ToolError with the compiler's message when the
    Verilog does not compile, or when the result cannot be stored.
    """
    require()
    options = [f"-P{top}.{name}={value}" for name, value in sorted((parameters or {}).items())]
    arguments = ["-s", top, "-g2005", "-Wall", "-I.", "-f", "timescale.f", *options, *sources]
    final = entry_of("icarus", top, (sorted(files.items()), arguments, _tools()))
    return compiled(final / "sim.vvp", top, lambda work: _compile(work, files, top, arguments)).parent


def build_chip(files: Mapping[str, str], sources: Sequence[str], top: str, waves: bool) -> Path:  # noqa: ARG001
    """`build` of a whole chip; the same simulator records waves or does not."""
    return build(files, sources, top)


def run_chip(
    simulator: Path,
    top: str,
    folder: Path,
    plusargs: Sequence[str],
    waves: bool,
    log: Path | None,
    heartbeat: Path | None,
    tick: Callable[[], None] | None,
) -> None:
    """`run` of the chip bench."""
    run(simulator, top, BENCH, folder, None, plusargs, waves, None, log, heartbeat, tick)


def version() -> str:
    """What vvp says about itself, such as "Icarus Verilog runtime version 11.0"."""
    return str(_tools()[-1])


def _compile(work: Path, files: Mapping[str, str], top: str, arguments: Sequence[str]) -> bytes:
    """The compiled simulator, once it is known to load: a full disk does not change the compiler's exit status."""
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (work / "timescale.f").write_text("+timescale+1ns/1ps\n", encoding="utf-8")
    found = work / "sim.vvp"
    log = work / "build.log"
    # Relative names, and temporary files in the same place: the compiler hands both to a shell.
    status = execute(["iverilog", "-o", found.name, *arguments], work, log, {**os.environ, "TMPDIR": "."})
    if status:
        raise ToolError(f"iverilog: {top} does not compile: {ended(status) or first_line(log)}")
    loads = found.is_file() and execute(["vvp", "-n", "-s", found.name], work, log) == 0
    content = found.read_bytes() if loads else b""
    names = re.search(rb"\n:file_names (\d+);\n((?: +\"[^\n]*\";\n)*)\Z", content)  # the last thing that is written
    if names is None or names[2].count(b"\n") != int(names[1]):
        raise ToolError(
            f"iverilog: ended with status 0, but left no simulator of {top} that loads; check that {work.parent} is "
            f"not full and that {shutil.which('iverilog')} works, and run again"
        )
    return content


def run(
    simulator: Path,
    top: str,
    module: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    waves: bool = False,
    filter: str | None = None,
    log: Path | None = None,
    heartbeat: Path | None = None,
    tick: Callable[[], None] | None = None,
) -> None:
    """Run the cocotb tests of `module`; files appear in `folder`, which is the current one for the tests.

    log: the simulator's output (absent: simulation.log there). heartbeat: a file that a living bench touches; after
    `watch.PATIENCE_S` without a touch the simulator is ended. tick is called now and then. Raises ToolError when the
    simulation died or was ended, or a test failed; OSError when the folder cannot be written.
    """
    require()
    folder.mkdir(parents=True, exist_ok=True)
    log, results = (log or folder / "simulation.log").absolute(), folder / RESULTS
    results.unlink(missing_ok=True)
    runner = _runner(log, Patience(heartbeat, tick))
    told = ""
    try:
        with suppress(SystemExit):  # of the runner: tests failed, as the results tell too
            runner.test(
                test_module=module,
                hdl_toplevel=top,
                hdl_toplevel_lang="verilog",
                build_dir=simulator,
                test_dir=folder,
                results_xml=str(results.absolute()),
                plusargs=list(plusargs),
                extra_env={**QUICK, **(env or {})},
                test_args=["-n"],  # $stop ends it, and does not ask
                waves=waves,
                test_filter=filter,
            )
    except Stalled as e:
        told = str(e)
    told = told or _why(runner.status, log, results)
    if told:
        raise ToolError(f"simulation of {top}: {told}; log: {log}")


def _why(status: int, log: Path, results: Path) -> str:
    """Why a simulation failed; "" if all tests passed."""
    if told := marked(log):
        return told
    if told := ended(status):
        return "; ".join(filter(None, (told, room(results.parent))))
    try:
        tests = ET.parse(results).getroot().findall(".//testcase")
    except (OSError, ET.ParseError):
        return room(results.parent) or f"it wrote no results, exit status {status}: {last_line(log)}"
    failed = [bad for test in tests for kind in ("failure", "error") if (bad := test.find(kind)) is not None]
    if failed:
        words = failed[0].get("message") or failed[0].text or ""
        first = next(iter(words.strip().splitlines()), "") or last_line(log)
        return room(results.parent) or f"{len(failed)} of {len(tests)} tests failed: {first}"
    if not tests:
        return f"it ran no tests: {last_line(log)}"
    return f"exit status {status}: {last_line(log)}" if status else ""


def _tools() -> list[object]:
    """What compiles and simulates: places, sizes and ages of both programs, and their common version.

    It is vvp's: the compiler needs a temporary file to print its own.
    """
    places = [Path(shutil.which(name) or name).resolve() for name in ("iverilog", "vvp")]
    known = [(str(p), (found := p.stat()).st_mtime_ns, found.st_size) for p in places]
    return [*known, _version(*known[1])]


@cache
def _version(path: str, changed: int, size: int) -> str:  # noqa: ARG001 - another program has another
    try:
        said = subprocess.run([path, "-V"], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        raise ToolError(f"{path}: does not print its version with -V; reinstall Icarus Verilog") from None
    told = (said.stdout + said.stderr).decode(errors="replace")  # Icarus 11 says it on stderr
    return next(iter(told.splitlines()), "").removesuffix(" ()")


def _runner(log: Path, tick: Tick) -> Any:
    """Cocotb's runner, but its commands are run by `execute`, so that they end when this process ends."""
    from cocotb_tools.runner import Icarus

    class Runner(Icarus):
        status = 0

        def _execute(self, cmds: Any, cwd: Any) -> None:
            (command,) = cmds
            self.status = execute(command, Path(cwd), log, self.env | {"COCOTB_RESULTS_FILE": RESULTS}, tick)

    logging.getLogger("cocotb").setLevel(logging.ERROR)
    runner = Runner()
    runner.log.setLevel(logging.CRITICAL)
    return runner
