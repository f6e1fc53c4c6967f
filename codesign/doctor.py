"""Which tools codesign finds on this machine, which are missing, and how to install them."""

import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from codesign.brief import counted


@dataclass(frozen=True)
class Finding:
    """One tool. state: ok, missing, or old (present, too old); remedy is empty when ok."""

    tool: str
    state: str
    version: str
    needed_for: str
    required: bool
    remedy: str = ""


@dataclass(frozen=True)
class _Tool:
    name: str
    find: Callable[[], str | None]  # its version, None if missing
    needed_for: str
    remedy: str
    required: bool = True
    oldest: str = ""


def _program(name: str, flag: str) -> Callable[[], str | None]:
    """Finds the version that a program prints; `?` when it prints none."""

    def find() -> str | None:
        path = shutil.which(name)
        if path is None:
            return None
        try:
            done = subprocess.run([path, flag], capture_output=True, encoding="utf-8", errors="replace", timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return "?"
        found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
        return found.group() if found else "?"

    return find


def _package(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        try:
            return version(name)  # without importing it: torch alone takes seconds
        except PackageNotFoundError:
            return None

    return find


def _libpython() -> str | None:
    try:
        from find_libpython import find_libpython
    except ImportError:
        return None
    path = find_libpython()
    return None if path is None else str(path)


def _system(debian: str, fedora: str, brew: str) -> str:
    return f"apt-get install {debian}; dnf install {fedora}; brew install {brew}"


TOOLS = (
    _Tool("python", platform.python_version, "everything", "install Python 3.11 or newer", oldest="3.11"),
    _Tool(
        "libpython",
        _libpython,
        "simulation: cocotb loads Python as a shared library",
        "apt-get install libpython3-dev; dnf install python3-libs; or a Python built with --enable-shared",
    ),
    _Tool(
        "iverilog",
        _program("iverilog", "-V"),
        "simulation",
        _system("iverilog", "iverilog", "icarus-verilog"),
        oldest="11",
    ),
    _Tool("cocotb", _package("cocotb"), "simulation", "pip install 'cocotb>=2.1,<2.2'", oldest="2.1"),
    _Tool("torch", _package("torch"), "training", "pip install 'torch>=2.6'", oldest="2.6"),
    _Tool(
        "verilator",
        _program("verilator", "--version"),
        "fast simulation, and checks: lint of the Verilog",
        _system("verilator g++ make zlib1g-dev", "verilator gcc-c++ make zlib-devel", "verilator"),
        required=False,
        oldest="5.006",
    ),
    _Tool(
        "benches",
        _program("verilator", "--version"),
        "cocotb benches of your own in Verilator; in Icarus Verilog they run anyway",
        "install Verilator 5.036 or newer",
        required=False,
        oldest="5.036",
    ),
    _Tool(
        "yosys",
        _program("yosys", "-V"),
        "checks: synthesis of the Verilog",
        _system("yosys", "yosys", "yosys"),
        required=False,
    ),
)


def examine(tools: Iterable[_Tool] = TOOLS) -> tuple[Finding, ...]:
    """Look for every tool, and into the cache of compiled simulators; nothing is installed or changed."""
    from codesign.sim.simulators.cache import cache_folder, contents

    held = contents()
    told = f"{counted(held.entries, 'simulator')}, {held.size / 1e6:,.1f} MB in {cache_folder()}"
    return (*map(_look, tools), Finding("cache", "ok", told, "compiled simulators, kept for later runs", False))


def _look(tool: _Tool) -> Finding:
    found = tool.find()
    state, remedy = "ok", ""
    if found is None:
        state, found, remedy = "missing", "", tool.remedy
    elif tool.oldest and _numbers(found) and _numbers(found) < _numbers(tool.oldest):
        state, remedy = "old", f"needs {tool.oldest} or newer: {tool.remedy}"
    return Finding(tool.name, state, found, tool.needed_for, tool.required, remedy)


def _numbers(text: str) -> tuple[int, ...]:
    """Leading numbers of a version; empty if it has none."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(n) for n in found.group().split(".")) if found else ()
