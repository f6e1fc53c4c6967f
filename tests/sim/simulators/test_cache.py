"""The cache of compiled simulators: what it holds, how it is emptied, and what is not touched. Nothing is compiled."""

import json
from pathlib import Path

import pytest

from codesign.errors import ToolError
from codesign.sim.simulators.cache import compiled, contents, entry_of, is_whole, store
from tests.cli.calls import Call
from tests.holder import Hold


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def filled() -> tuple[Path, Path]:
    entries = entry_of("icarus", "tiny_top_sim", 1) / "sim.vvp", entry_of("verilator", "tiny_top_sim", 1) / "sim"
    for entry in entries:
        store(entry, b"x" * 1_000_000)
    return entries


def test_the_name_tells_the_content() -> None:
    names = [entry_of("icarus", "t", content).name for content in (1, 2, ("a", "b"), ("ab",), 1)]
    assert len(set(names)) == 4 and names[0] == names[4]


def test_doctor_tells_and_empties(call: Call, cache: Path) -> None:
    filled()
    (cache / "verilator-tiny_top_sim.log").write_text("a failed build")
    status, said, _ = call("doctor")
    assert status == 0 and said.splitlines()[-1] == f"cache      2 simulators, 2.0 MB in {cache}"
    assert call("doctor", "--clear-cache") == (0, f"removed 2 simulators, 2.0 MB from {cache}\n", "")
    assert not cache.exists() and contents().entries == 0
    assert call("doctor", "--clear-cache") == (0, f"removed 0 simulators, 0.0 MB from {cache}\n", "")
    assert not cache.exists()


def test_only_own_files_are_removed(call: Call, cache: Path, tmp_path: Path) -> None:
    entry, other = filled()
    (entry.parent / "notes.txt").write_text("a user's")
    (cache / f"icarus-old-{'0' * 16}" / "sim").mkdir(parents=True)  # what an older version may have left
    assert contents().entries == 2
    (cache / "other.log").write_text("a user's")
    (cache / "icarus-mine").mkdir()
    (cache / "icarus-mine" / "sim").write_text("a user's")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sim").write_text("a user's")
    (cache / f"verilator-t-{'0' * 16}").symlink_to(elsewhere)
    call("doctor", "--clear-cache")
    left = sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())
    assert left == [
        "cache/icarus-mine/sim",
        f"cache/{entry.parent.name}/notes.txt",
        "cache/other.log",
        "elsewhere/sim",
    ]
    assert not other.parent.exists()


def test_what_is_being_compiled_stays(call: Call, cache: Path, holder: Hold) -> None:
    entry, other = filled()
    held = holder("alone", other.parent)
    record = json.loads(call("doctor", "--clear-cache", "--json")[1])
    assert record["removed"] == 1 and record["busy"] == 1 and record["folder"] == str(cache)
    assert is_whole(other) and not entry.exists()
    filled()
    told = call("doctor", "--clear-cache")[1]
    assert told.endswith(f"from {cache}; 1 other is being compiled and not removed\n")
    held.kill()
    held.wait()
    assert json.loads(call("doctor", "--clear-cache", "--json")[1])["removed"] == 1


def test_a_failed_build_leaves_nothing(cache: Path) -> None:
    def fail(work: Path) -> bytes:
        raise ToolError("no")

    with pytest.raises(ToolError, match="no"):
        compiled(entry_of("icarus", "t", 1) / "sim.vvp", "t", fail)
    assert not cache.exists()


def test_room_for_compiling_is_told_apart_from_room_for_keeping(cache: Path) -> None:
    def fail(work: Path) -> bytes:
        raise OSError(28, "No space left on device")

    with pytest.raises(ToolError) as caught:
        compiled(entry_of("icarus", "t", 1) / "sim.vvp", "t", fail)
    assert str(caught.value) == (
        "simulator of t: cannot be compiled (No space left on device); free disk space or set TMPDIR elsewhere"
    )
    cache.mkdir()
    (cache / "file").touch()
    made = compiled(entry_of("icarus", "t", 1) / "sim.vvp", "t", lambda work: b"content")
    assert is_whole(made) and [f.name for f in made.parent.iterdir()] == ["sim.vvp"]
