"""The only place that starts a simulator: compile once, run cocotb tests, tell what failed."""

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codesign.errors import ToolError


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


def cache_folder() -> Path:
    """Where compiled simulators are kept: $CODESIGN_CACHE, else the user's cache folder."""
    base = os.environ.get("CODESIGN_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codesign"


def build(
    files: Mapping[str, str], sources: Sequence[str], top: str, parameters: Mapping[str, object] | None = None
) -> Path:
    """A folder with the compiled simulator of `sources` (names in `files`); compiled once per content.

    Raises ToolError with the compiler's words when the Verilog does not compile.
    """
    require()
    digest = hashlib.sha256(
        repr((sorted(files.items()), list(sources), top, sorted((parameters or {}).items()))).encode()
    )
    final = cache_folder() / f"icarus-{top}-{digest.hexdigest()[:16]}"
    if (final / "sim.vvp").exists():
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{top}-", dir=final.parent))
    except OSError as e:
        raise ToolError(
            f"{final.parent}: cannot keep compiled simulators ({e.strerror}); set CODESIGN_CACHE to a folder that can"
        ) from None
    try:
        for name, content in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        log = work / "build.log"
        try:
            _runner().build(
                sources=[work / s for s in sources],
                hdl_toplevel=top,
                includes=[work],
                build_args=["-g2005", "-Wall"],
                parameters=dict(parameters or {}),
                timescale=("1ns", "1ps"),
                build_dir=work,
                always=True,
                log_file=log,
            )
        except (SystemExit, RuntimeError):
            raise ToolError(f"iverilog: {top} does not compile\n{_tail(log)}") from None
        with contextlib.suppress(OSError):  # another process may have been first
            work.rename(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return final


def run(
    simulator: Path,
    top: str,
    module: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    waves: bool = False,
    filter: str | None = None,
) -> None:
    """Run the cocotb tests of `module`; files appear in `folder`.

    Raises ToolError when the simulation died or a test failed, with the end of its log.
    """
    require()
    folder.mkdir(parents=True, exist_ok=True)
    log, results = (folder / "simulation.log").resolve(), (folder / "results.xml").resolve()
    results.unlink(missing_ok=True)
    runner = _runner()
    failed = False
    try:
        runner.test(
            test_module=module,
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            build_dir=simulator,
            test_dir=folder,
            results_xml=str(results),
            plusargs=list(plusargs),
            extra_env=dict(env or {}),
            waves=waves,
            log_file=log,
            test_filter=filter,
        )
    except (SystemExit, RuntimeError):
        failed = True
    tests, failures = _results(results)
    if failed or failures or not tests:  # the runner itself returns normally when a test failed
        raise ToolError(f"simulation of {top}: {failures} of {tests} tests failed, log in {log}\n{_tail(log)}")


def _results(path: Path) -> tuple[int, int]:
    from cocotb_tools.check_results import get_results

    try:
        tests, failures = get_results(path)
    except (RuntimeError, OSError):
        return 0, 0
    return int(tests), int(failures)


def _runner() -> Any:
    from cocotb_tools.runner import get_runner

    logging.getLogger("cocotb").setLevel(logging.ERROR)
    runner = get_runner("icarus")
    runner.log.setLevel(logging.ERROR)
    return runner


def _tail(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
