"""Compiled simulators heal: whatever is kept, the next call works."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from codesign.errors import ToolError
from codesign.sim.simulators import icarus
from codesign.sim.simulators.cache import is_whole

FILES = {"blink.v": "module blink(output reg q);\n  initial q = 1;\n  always #5 q = !q;\nendmodule\n"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def build() -> Path:
    return icarus.build(FILES, ["blink.v"], "blink") / "sim.vvp"


def older(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes().replace(b'ivl_version "11', b'ivl_version "10'))


def folder(entry: Path) -> None:
    entry.unlink()
    (entry / "inside").mkdir(parents=True)


def loop(entry: Path) -> None:
    entry.unlink()
    entry.symlink_to(entry)


def pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


def file_for_folder(entry: Path) -> None:
    shutil.rmtree(entry.parent)
    entry.parent.write_text("a file")


@pytest.mark.parametrize(
    "harm",
    [
        Path.unlink,
        older,
        folder,
        loop,
        lambda entry: entry.write_bytes(b""),
        lambda entry: entry.write_bytes(entry.read_bytes()[:-300]),
        lambda entry: entry.write_bytes(entry.read_bytes().replace(b"T_0", b"T_1", 1)),
        pipe,
        file_for_folder,
    ],
    ids=["gone", "older", "folder", "loop", "empty", "cut", "changed", "pipe", "file for folder"],
)
def test_a_broken_entry_is_replaced(harm: Callable[[Path], object], cache: Path) -> None:
    entry = build()
    harm(entry)
    assert not is_whole(entry)
    assert build() == entry and is_whole(entry)
    assert [p.name for p in cache.iterdir()] == [entry.parent.name]
    assert [p.name for p in entry.parent.iterdir()] == ["sim.vvp"]


def test_a_whole_entry_is_kept() -> None:
    made = build().stat().st_mtime_ns
    assert build().stat().st_mtime_ns == made


def tool(where: Path, name: str, body: str) -> Path:
    """A program called `name` that does something and then is the real one, if it says so by $real."""
    where.mkdir(exist_ok=True)
    path = where / name
    path.write_text(f"#!{sys.executable}\nimport os, sys\nreal = {shutil.which(name)!r}\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "body",
    [
        "",
        "open('sim.vvp', 'w') if '-o' in sys.argv else 0",
        "os.system(f'{real} {\" \".join(sys.argv[1:])} && truncate -s -40 sim.vvp')",
        'os.system(f\'{real} {" ".join(sys.argv[1:])} && sed -i "$ d" sim.vvp\')',
        "os.system(f'{real} {\" \".join(sys.argv[1:])} && sed -i s/^S_/T_/ sim.vvp')",
    ],
    ids=["nothing", "empty", "cut", "a line less", "changed"],
)
def test_a_compiler_that_ends_well_without_a_simulator(
    body: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path / "bin", "iverilog", body)
    before = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{before}")
    with pytest.raises(ToolError) as caught:
        build()
    assert str(caught.value).startswith(
        "iverilog: ended with status 0, but left no simulator of blink that loads; check that "
    )
    assert not cache.exists()
    monkeypatch.setenv("PATH", before)
    assert is_whole(build())


def test_another_place_or_version_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {build()}
    for version in ("12.0", "13.0"):
        say = f"print('Icarus Verilog version {version}') if '-V' in sys.argv else os.execv(real, sys.argv)"
        tool(tmp_path / version, "iverilog", say)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path / version}:{os.environ['PATH']}")
            entries.add(build())
    assert len(entries) == 3
    shutil.copytree(tmp_path / "13.0", tmp_path / "other")  # as old and as large
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path / 'other'}:{os.environ['PATH']}")
        assert build() not in entries
    tool(tmp_path / "13.0", "iverilog", say.replace("13.0", "13.0.1"))  # upgraded in place
    monkeypatch.setenv("PATH", f"{tmp_path / '13.0'}:{os.environ['PATH']}")
    assert build() not in entries


def test_of_builders_at_once_one_compiles(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together, compiled, really = Barrier(4, timeout=60), [], icarus._compile

    def slowly(*arguments: Any) -> bytes:
        compiled.append(1)
        time.sleep(0.5)
        return really(*arguments)

    def at_once(_: int) -> Path:
        together.wait()
        return build()

    monkeypatch.setattr(icarus, "_compile", slowly)
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(at_once, range(4)))
    assert len(set(built)) == 1 and is_whole(built[0]) and compiled == [1]
    assert [p.name for p in built[0].parent.iterdir()] == ["sim.vvp"]


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(ToolError) as caught:
        build()
    assert str(caught.value) == (
        f"{cache}: cannot store compiled simulators (Not a directory); make it writable or set "
        "CODESIGN_CACHE to another folder"
    )


def test_verilog_that_does_not_compile() -> None:
    with pytest.raises(ToolError) as caught:
        icarus.build({"blink.v": "module blink; wrong"}, ["blink.v"], "blink")
    assert str(caught.value).startswith("iverilog: blink does not compile: blink.v:1: syntax error")
    assert "\n" not in str(caught.value)
