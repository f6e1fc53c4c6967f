"""What is said when Verilator, or what it builds with, is missing, too old or fails. Doubles stand for the tools."""

import os
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import ToolError
from codesign.sim import simulate
from codesign.sim.simulators import verilator
from tests.hdl.programs import images
from tests.sim.small import harmed, prepared
from tests.tools import needs

pytestmark = [needs("verilator"), needs("c++")]


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a folder of its own in front, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
    return folder


def fails(match: str) -> str:
    p = prepared("one-layer-u8")
    with pytest.raises(ToolError, match=match) as caught:
        simulate(p, images(2, p.network), "verilator")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_verilator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert fails("not found on PATH").endswith("or use simulator icarus")


@pytest.mark.parametrize(
    ("script", "which"),
    [
        ("echo 'Verilator 4.038 2020-07-11 rev v4.036'", "Verilator 4.038 2020-07-11 rev v4.036"),
        ("true", "of no version that it tells"),
    ],
    ids=["old", "silent"],
)
def test_an_old_verilator(script: str, which: str, doubles: Path) -> None:
    tool(doubles, "verilator", script)
    assert fails("needs 5.006") == (
        f"verilator: is {which}, simulation needs 5.006 or newer; install a newer one, or use simulator icarus"
    )


@pytest.mark.parametrize("lacks", ["g++", "make"])
def test_what_verilator_compiles_with(lacks: str, doubles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    tool(doubles, "verilator", "echo 'Verilator 5.006'")
    tool(doubles, "make" if lacks == "g++" else "c++", "")
    monkeypatch.setenv("PATH", str(doubles))
    assert fails("not found on PATH") == (
        f"{lacks}: not found on PATH; Verilator compiles the chip with it, install it (Debian, Ubuntu: apt-get install "
        "g++ make zlib1g-dev), or use simulator icarus"
    )


def test_a_verilator_that_is_killed(doubles: Path) -> None:
    tool(doubles, "verilator", "case $1 in --version) echo 'Verilator 5.006';; *) kill -KILL $$;; esac")
    said = fails("does not compile")
    assert said.startswith("verilator: small_top_sim does not compile: it was ended by SIGKILL; log: ")
    assert Path(said.partition("; log: ")[2]).is_file()


def test_a_verilator_that_makes_nothing(doubles: Path) -> None:
    tool(doubles, "verilator", "case $1 in --version) echo 'Verilator 5.006';; esac")
    assert fails("does not compile").startswith("verilator: small_top_sim does not compile: its log is empty; log: ")


def test_a_compiler_that_fails(doubles: Path, tmp_path: Path) -> None:
    tool(
        doubles, "c++", "case $1 in --version) echo 'c++ 1';; *) echo 'main.cpp:1: error: no such thing'; exit 1;; esac"
    )
    said = fails("does not compile")
    assert said.startswith("verilator: small_top_sim does not compile: main.cpp:1: error: no such thing; log: ")
    assert Path(said.partition("; log: ")[2]).is_file()


def test_a_temporary_folder_with_blanks(doubles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a b"))
    assert fails("blanks") == (
        f"verilator: cannot compile in {tmp_path}/a b, because make takes no blanks in names; set TMPDIR to a folder "
        "without them, or use simulator icarus"
    )


def test_verilog_that_verilator_refuses(doubles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harmed(monkeypatch, "small_top.v", "endmodule", "wrong endmodule")
    assert fails("does not compile").startswith("verilator: small_top_sim does not compile: %Error: small_top.v")


@pytest.mark.slow  # really compiles; above a double fails, and test_full_disk.py fills disks
def test_a_full_disk_while_it_compiles(tmp_path: Path) -> None:
    p = prepared("one-layer-u8")
    p.save(tmp_path / "p")
    np.save(tmp_path / "x.npy", images(2, p.network))
    code = (
        "import resource, sys; from codesign.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); sys.exit(main(sys.argv[1:]))"
    )
    argv = ["simulate", "p", "--inputs", "x.npy", "--simulator", "verilator"]
    environment = {**os.environ, "CODESIGN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(["python", "-c", code, *argv], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: verilator: small_top_sim ") and done.stderr.count("\n") == 1, done.stderr


def test_another_option_is_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(*changes: str) -> Path:
        with monkeypatch.context() as m:
            command = verilator._command
            m.setattr(verilator, "_command", lambda *given: [*command(*given), *changes])
            return verilator.build({"a.v": ""}, ["a.v"], "a")

    monkeypatch.setattr(verilator, "require", lambda: None)
    monkeypatch.setattr(verilator, "_tools", lambda: ("5.006", "12"))
    monkeypatch.setattr(verilator, "compiled", lambda final, *_, **__: final)
    assert entry() == entry() != entry("--assert")
