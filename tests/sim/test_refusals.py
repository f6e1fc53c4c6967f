"""What `simulate` says when it cannot start, or when the simulator leaves less than it should. No simulator runs."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import CodesignError, InputError, OutputError, ToolError, UnsupportedError
from codesign.program import Program
from codesign.sim import job, simulate
from codesign.sim.simulators import icarus
from tests.hdl.programs import images, program


@pytest.fixture(scope="module")
def p() -> Program:
    return program([30, 11, 5], Chip.load("tiny"))


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"simulator": "vcs"}, UnsupportedError, "simulator 'vcs': is not supported; use icarus or verilator"),
        ({"load": "jtag"}, UnsupportedError, "load 'jtag': must be bus or backdoor"),
        ({"waves": True}, InputError, "simulate: waves need a folder to be kept in; give folder="),
    ],
)
def test_options(p: Program, options: dict[str, Any], error: type[CodesignError], expected: str) -> None:
    with pytest.raises(error) as caught:
        simulate(p, images(1, p.network), **options)
    assert str(caught.value) == expected


def test_anything_but_a_program(p: Program) -> None:
    with pytest.raises(InputError) as caught:
        simulate(p.network, images(1, p.network))  # type: ignore[arg-type]
    assert str(caught.value) == "simulate: program must be a codesign.Program, got a Network; compile it"


def test_no_images(p: Program) -> None:
    with pytest.raises(InputError) as caught:
        simulate(p, np.zeros((0, 30), np.uint8))
    assert str(caught.value) == "simulate: no images were given; pass at least one row"


def test_no_temporary_folder(p: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(OutputError) as caught:
        simulate(p, images(1, p.network))
    assert str(caught.value) == (
        "simulate: cannot make a temporary folder (No space left on device); free disk space or set TMPDIR to another "
        "folder"
    )


def test_incomplete_files(p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator that ends well on a full disk."""
    monkeypatch.setattr(job, "build", lambda *_: tmp_path)
    monkeypatch.setattr(icarus, "run", lambda *_, **__: (tmp_path / "result.npz").write_bytes(b"PK"))
    with pytest.raises(ToolError) as caught:
        simulate(p, images(1, p.network), folder=tmp_path)
    assert (
        str(caught.value) == f"{tmp_path}: the simulation left no complete result.npz; check whether the disk is full"
    )
    monkeypatch.setattr(icarus, "run", lambda *_, **__: np.savez(tmp_path / "result.npz", outputs=[[0] * 5]))
    with pytest.raises(ToolError) as caught:
        simulate(p, images(1, p.network), folder=tmp_path, waves=True)
    assert str(caught.value) == (
        f"{tmp_path}/chip.fst: the simulator did not finish writing it; check whether the disk is full"
    )


def test_a_compiler_that_tells_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a build nor the cache can do without it."""
    for name in ("iverilog", "vvp"):
        (tmp_path / name).write_bytes(b"\x7fELF")  # cannot be executed
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        icarus.build({}, [], "blink")
    assert str(caught.value) == (
        f"{(tmp_path / 'vvp').resolve()}: does not print its version with -V; reinstall Icarus Verilog"
    )
