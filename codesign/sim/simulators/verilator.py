"""Verilator: compiles a chip and a small C++ program into one executable, without cocotb. For 5.006 and newer."""

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from codesign.chip.registers import IMAGE_REASONS, IMAGE_STATES
from codesign.chip.texts import c_header
from codesign.errors import ToolError
from codesign.sim.simulators.cache import cache_folder, compiled, entry_of
from codesign.sim.simulators.child import execute
from codesign.sim.simulators.watch import Patience, Stalled, ended, last_line, marked, room

OLDEST = (5, 6)
MAIN, SHARED = (Path(__file__).with_name(f"verilator_{name}") for name in ("main.cpp", "shared.vlt"))
HEAD = struct.Struct("<12I")  # of job.bin, see the C++ file
FOUND = struct.Struct("<4Qd")  # of result.bin
COMPILER = ("c++", "g++", "clang++")


def require() -> None:
    """Raises ToolError when Verilator, a C++ compiler or make is missing or too old, with the way to get it."""
    if shutil.which("verilator") is None:
        raise ToolError(
            "verilator: not found on PATH; install Verilator 5.006 or newer (Debian, Ubuntu: apt-get install verilator "
            "g++ make zlib1g-dev; macOS: brew install verilator), or use simulator icarus"
        )
    if _numbers(_version("verilator")) < OLDEST:
        which = _version("verilator") or "of no version that it tells"
        raise ToolError(
            f"verilator: is {which}, simulation needs 5.006 or newer; install a newer one, or use simulator icarus"
        )
    for name, package in ((_compiler(), "g++"), ("make", "make")):
        if name is None or shutil.which(name) is None:
            raise ToolError(
                f"{package}: not found on PATH; Verilator compiles the chip with it, install it (Debian, Ubuntu: "
                f"apt-get install g++ make zlib1g-dev), or use simulator icarus"
            )


def build(files: Mapping[str, str], sources: Sequence[str], top: str, waves: bool = False) -> Path:
    """The executable of `top` and of the C++ program; compiled once per content, tools and options.

    A cached executable that has changed is compiled again. waves: one that can record them; it is slower. Raises
    ToolError with the kept log when Verilator or the compiler fails, or when the result cannot be stored.
    """
    require()
    own = [path.read_text(encoding="utf-8") for path in (MAIN, SHARED)]
    content = (sorted(files.items()), own, _tools(), _command(top, waves, sources, 0))
    final = entry_of("verilator", top, content) / "sim"
    return compiled(final, top, lambda work: _compile(work, files, sources, top, waves).read_bytes(), executable=True)


def _compile(work: Path, files: Mapping[str, str], sources: Sequence[str], top: str, waves: bool) -> Path:
    if any(c.isspace() for c in str(work)):
        raise ToolError(
            f"verilator: cannot compile in {work.parent}, because make takes no blanks in names; set TMPDIR to a "
            "folder without them, or use simulator icarus"
        )
    for name, text in {**files, **_headers()}.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copyfile(MAIN, work / "main.cpp")
    shutil.copyfile(SHARED, work / "shared.vlt")
    log = work / "build.log"
    command = _command(top, waves, sources, os.cpu_count() or 1)
    # Temporary files in the same place, which is removed; make runs in a folder below.
    status = execute(command, work, log, {**os.environ, "TMPDIR": "."})
    if status or not (work / "obj/sim").is_file():
        kept = _keep(log, top)
        raise ToolError(f"verilator: {top} does not compile: {ended(status) or _complaint(log)}; log: {kept}")
    return work / "obj/sim"


def _command(top: str, waves: bool, sources: Sequence[str], jobs: int) -> list[str]:
    options = ["--cc", "--exe", "--prefix", "Vchip", "--top-module", top, "-O3", "--no-timing", "-Wno-fatal"]
    options += ["--x-assign", "fast", "--timescale", "1ns/1ps", "+define+XB_EXTERNAL_CLOCK", "-I."]
    options += ["--trace-fst"] if waves else []
    make = f"CXX={_compiler()} LINK={_compiler()} OPT_FAST=-O2 OPT_SLOW=-O0 OPT_GLOBAL=-O2"
    flags = ["-CFLAGS", "-I.. -std=c++17", "-MAKEFLAGS", make, "--build"]
    flags += ["-j", str(jobs), "--Mdir", "obj", "-o", "sim"]
    return ["verilator", *options, *flags, "shared.vlt", *sources, "main.cpp"]


def _headers() -> dict[str, str]:
    """What the C++ program includes: the registers, and the names of states and reasons."""

    def listed(name: str, values: Sequence[str]) -> str:
        return f"static const char *const {name}[] = {{{', '.join(f'{chr(34)}{v}{chr(34)}' for v in values)}}};\n"

    names = listed("STATES", IMAGE_STATES) + listed("REASONS", IMAGE_REASONS)
    return {"regs.h": c_header(), "names.h": f"{names}static const unsigned REASON_COUNT = {len(IMAGE_REASONS)};\n"}


def run(
    simulator: Path,
    top: str,
    folder: Path,
    plusargs: Sequence[str],
    waves: bool,  # noqa: ARG001 - `build` has made it able to
    log: Path | None,
    heartbeat: Path | None,
    tick: Callable[[], None] | None,
) -> None:
    """Run the executable on the job of `folder` (job.json, job.npz); it leaves result.npz there.

    Raises ToolError when the simulation died or was ended, or the chip did not do what firmware waits for.
    """
    log = (log or folder / "simulation.log").absolute()
    write_job(folder)
    told = ""
    try:
        status = execute([str(simulator), *plusargs], folder, log, None, Patience(heartbeat, tick))
        told = marked(log) or ended(status) or (status and f"exit status {status}: {last_line(log)}") or ""
    except Stalled as e:
        told = str(e)
    if told:
        raise ToolError(f"simulation of {top}: {'; '.join(filter(None, (told, room(folder))))}; log: {log}")
    read_result(folder)
    for name in ("job.bin", "result.bin"):
        (folder / name).unlink(missing_ok=True)


def write_job(folder: Path) -> None:
    """job.bin of job.json and job.npz."""
    job = json.loads((folder / "job.json").read_bytes())
    with np.load(folder / "job.npz", allow_pickle=False) as data:
        images, words = data["images"].astype(np.uint8), data["words"].astype("<u4")
    shares = [round(job[f"{side}_pause"] * 2**32) for side in ("input", "output")]
    head = HEAD.pack(
        job["backdoor"],
        job["stream_bytes"],
        images.shape[1],
        len(images),
        len(words),
        min(job["timeout_cycles"], 2**32 - 1),
        job["probe"],
        *shares,
        job["seed"] % 2**32,
        job["cut"],
        job["reset_clocks"],
    )
    with (folder / "job.bin").open("wb") as f:
        f.write(head)
        f.write(words.tobytes())
        f.write(np.ascontiguousarray(images).tobytes())


def read_result(folder: Path) -> None:
    """result.npz of result.bin, with the names that the cocotb bench uses. Raises ToolError if it is not whole."""
    job = json.loads((folder / "job.json").read_bytes())
    try:
        content = (folder / "result.bin").read_bytes()
        ins, outs, outputs, hidden, seconds = FOUND.unpack_from(content)
        parts = []
        at = FOUND.size
        for count, kind in ((ins, "<u8"), (outs, "<u8"), (outputs, "<u4"), (hidden, "<u4")):
            parts.append(np.frombuffer(content, kind, count, at))
            at += count * np.dtype(kind).itemsize
        if at != len(content):
            raise ValueError("surplus")
    except (OSError, ValueError, struct.error):
        raise ToolError(
            f"{folder}: the simulation left no complete result.bin; check whether the disk is full"
        ) from None
    words = -(-job["activation_bits"] // 64) * 2 if job["activation_bits"] <= 64 else -(-job["activation_bits"] // 32)
    groups = [int.from_bytes(g.tobytes(), "little") for g in parts[3].reshape(-1, words)]
    half = folder / "result.partial.npz"
    np.savez(
        half,
        outputs=parts[2].reshape(outs, -1).view(np.int32),
        ins=parts[0].astype(np.int64),
        outs=parts[1].astype(np.int64),
        seconds=seconds,
        hidden=np.array([f"{g:x}" for g in groups]),
    )
    half.replace(folder / "result.npz")


def _keep(log: Path, top: str) -> Path:
    """The log of a failed build, beside the cache."""
    kept = cache_folder() / f"verilator-{top}.log"
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, kept)
    return kept


def _complaint(log: Path) -> str:
    """The first line of a log that tells an error; else its last."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in lines if "rror" in line), "") or last_line(log)


def _compiler() -> str | None:
    return os.environ.get("CXX") or next((c for c in COMPILER if shutil.which(c)), None)


def _tools() -> list[object]:
    """What compiles: places, sizes and ages of the programs, and their versions."""
    found: list[object] = []
    for name in ("verilator", _compiler() or "c++"):
        path = Path(shutil.which(name) or name).resolve()
        about = path.stat()
        found += [str(path), about.st_mtime_ns, about.st_size, _version(name)]
    return found


def version() -> str:
    """What Verilator says about itself, such as "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)"."""
    return _version("verilator")


def _version(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        return ""
    return _said(path, Path(path).stat().st_mtime_ns)


@cache
def _said(path: str, changed: int) -> str:  # noqa: ARG001 - another program has another
    try:
        said = subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        raise ToolError(f"{path}: does not print its version with --version; reinstall it") from None
    return next(iter(said.stdout.decode(errors="replace").splitlines()), "")


def _numbers(version: str) -> tuple[int, ...]:
    """(5, 6) of "Verilator 5.006 2023-01-22 rev ..."."""
    word = next((w for w in version.split() if w[:1].isdigit()), "0")
    return tuple(int(n) for n in word.split(".") if n.isdigit())
