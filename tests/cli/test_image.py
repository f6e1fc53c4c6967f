"""codesign image on links, lone files and bare folders."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip, presets
from codesign.chip.fields import Entry
from codesign.chip.layout import LOAD, LOADS, PROGRAM, TILE
from codesign.image import Section, assemble, sections
from codesign.image.words import most_words
from tests.cli.calls import Call
from tests.hdl.programs import program

TINY = Chip.load("tiny")


def whole(folder: Path) -> str:
    return f"{folder}: OK, checksums match and all formats agree\n"


def test_a_linked_image_is_judged_in_the_program_that_is_named(call: Call, tmp_path: Path) -> None:
    first = program([20, 11, 4], TINY).save(tmp_path / "first")
    other = program([20, 11, 4], TINY, seed=1).save(tmp_path / "other")
    shutil.rmtree(first / "image")
    (first / "image").symlink_to(other / "image")
    for named in (first, first / "image"):
        status, out, err = call("image", "verify", named)
        assert (status, out) == (1, "") and f"{first / 'image' / 'array_0.hex'}: byte " in err
    (first / "image").unlink()
    (first / "image").symlink_to(shutil.copytree(other / "image", tmp_path / "elsewhere"))
    assert call("image", "verify", first / "image")[0] == 1
    shutil.rmtree(tmp_path / "elsewhere")
    shutil.copytree(program([20, 11, 4], TINY).save(tmp_path / "again") / "image", tmp_path / "elsewhere")
    assert call("image", "verify", first / "image") == (0, whole(first / "image"), "")


def test_the_folder_one_stands_in(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program([20, 11, 4], TINY).save(tmp_path / "p") / "image")
    assert call("image", "verify", ".")[0] == 0
    assert call("image", "info", ".")[0] == 0


def test_a_lone_image_bin(call: Call, tmp_path: Path) -> None:
    made = program([20, 11, 4], TINY)
    path = tmp_path / "image.bin"
    path.write_bytes(np.array(made.words, "<u4").tobytes())
    status, out, _ = call("image", "info", path)
    assert status == 0
    first, second, *_ = out.splitlines()
    assert first == f"image for chip 0x{TINY.id:08x}, {len(made.words)} words, CRC-32 0x{made.words[-1]:08x}"
    assert second.startswith("  program: 3 words from 0, CRC-32 0x")
    status, out, _ = call("image", "info", path, "--json")
    assert json.loads(out)["words"] == len(made.words)
    good = (0, f"{path}: OK, every checksum and entry is right for chip tiny\n", "")
    assert call("image", "verify", path, "--chip", "tiny") == good
    assert call("image", "verify", path) == good, "the preset with this id"
    parts = sections(made.mapping)
    none = tuple(type(s)(s.kind, 0, 0, [65535, 5, 4]) if s.kind == PROGRAM else s for s in parts)
    path.write_bytes(np.array(assemble(TINY, none), "<u4").tobytes())
    assert call("image", "verify", path, "--chip", "tiny") == (
        1,
        "",
        f"error: {path}: program: 65535 steps, chip tiny takes 1..16; compile again\n",
    )
    path.write_bytes(path.read_bytes()[:-4])
    assert call("image", "info", path)[2].startswith(f"error: {path}: ")


def test_a_folder_that_holds_an_image_folder(call: Call, tmp_path: Path) -> None:
    program([20, 11, 4], TINY).save(tmp_path / "p")
    (tmp_path / "floor").mkdir()
    (tmp_path / "p" / "image").rename(tmp_path / "floor" / "image")
    assert call("image", "info", tmp_path / "floor")[0] == 0
    assert call("image", "verify", tmp_path / "floor", "--chip", "tiny")[1] == whole(tmp_path / "floor" / "image")


@pytest.mark.parametrize(
    ("make", "why"),
    [(os.mkfifo, "not a regular file"), (lambda p: p.symlink_to(p.name), "Too many levels of symbolic links")],
    ids=["pipe", "circle"],
)
def test_a_program_json_that_is_no_file(make: Callable[[Path], object], why: str, call: Call, tmp_path: Path) -> None:
    folder = program([20, 11, 4], TINY).save(tmp_path / "p")
    (folder / "program.json").unlink()
    make(folder / "program.json")
    for source in (folder, folder / "image"):
        assert call("image", "verify", source)[2] == (
            f"error: {folder / 'program.json'}: cannot be read ({why}); compile again\n"
        )


def test_an_image_larger_than_any_for_its_chip(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "image.bin"
    with path.open("wb") as f:
        f.truncate(1 << 20)
    assert call("image", "verify", path, "--chip", "tiny")[2] == (
        f"error: {path}: cannot be read (1,048,576 bytes, at most {4 * most_words(TINY):,} are expected); "
        "copy or compile it again\n"
    )


TABLES = """\

steps  input_bits  raw  releases_input  wait  shift  range_gain  first_load  loads  first_tile  \
tiles  column_groups   hi  instances  enabled  linked
    0           8    0               1     0     14           1           0      2           0      \
2              2  255          1      0-3     1,3
    1           8    1               0     1      0           1           2      1           2      \
1              1    0          1        4       -

loads  offset  from_memory  count  arrays
    0       0            0     16     0,2
    1      16            0      4     1,3
    2       0            1     11       4

tiles  array  columns  correction  write  last  first_constant  repeats
    0      1        8       16320      0     1               0        1
    1      3        3       16320      8     1               2        1
    2      4        4        8160      0     1               3        1
"""


def short(told: dict[str, object], form: Entry) -> dict[str, object]:
    """Without the fields that are 0."""
    assert {*told} == {"entry", *form.names}
    return {name: value for name, value in told.items() if name == "entry" or value != 0}


def test_entries_of_a_program_an_image_folder_and_a_lone_image_bin(call: Call, tmp_path: Path) -> None:
    home = program([20, 11, 4], TINY).save(tmp_path / "p")
    shutil.copytree(home / "image", tmp_path / "bare")
    shutil.copy(home / "image" / "image.bin", tmp_path / "image.bin")
    for named in (
        (home,),
        (home / "image",),
        (tmp_path / "bare", "--chip", "tiny"),
        (tmp_path / "image.bin", "--chip", "tiny"),
    ):
        status, out, err = call("image", "info", *named, "--entries")
        assert (status, err) == (0, "")
        below = call("image", "info", named[0])[1] + TABLES
        assert out.startswith(below) and out.removeprefix(below).split()[:4] == ["constants", "of", "step", "output"]
        found = json.loads(call("image", "info", *named, "--entries", "--json")[1])
        assert found["words"] == int(out.split(" words")[0].split()[-1]), "the rest is told, too"
        entries = found["entries"]
        counts = {"steps": 2, "loads": 3, "tiles": 3, "walks": 0, "constants": 15, "offsets": 40}
        assert {name: len(rows) for name, rows in entries.items()} == counts
        assert entries["constants"][11]["output"] == ("0" if named[0].is_file() else "fc2[0]")
        assert short(entries["loads"][1], LOAD) == {
            "entry": 1,
            "offset": 16,
            "count": 4,
            "arrays": [1, 3],
        }
        assert entries["steps"][0]["linked"] == [1, 3] and entries["steps"][0]["hi"] == 255
        assert short(entries["tiles"][2], TILE) == {
            "entry": 2,
            "array": 4,
            "columns": 4,
            "correction": 8160,
            "last": 1,
            "repeats": 1,
            "first_constant": 3,
        }


def test_entries_need_the_chip(call: Call, tmp_path: Path) -> None:
    home = program([20, 11, 4], TINY).save(tmp_path / "p")
    path = shutil.copy(home / "image" / "image.bin", tmp_path / "image.bin")
    assert call("image", "info", path, "--entries")[0] == 0, "the preset with this id"
    own = TINY.model_copy(update={"name": "own", "bus": TINY.bus.model_copy(update={"stream_bytes": 8})})
    lone = tmp_path / "own.bin"
    lone.write_bytes(np.array(program([20, 11, 4], own).words, "<u4").tobytes())
    told = (
        f"error: {lone}: is for the chip with id 0x{own.id:08x}, which is none of the presets "
        f"{', '.join(presets())}; "
        "name it with --chip\n"
    )
    for command in (["info", "--entries"], ["verify"]):
        assert call("image", *command, lone) == (1, "", told)
    status, out, err = call("image", "info", path, "--entries", "--chip", "reference-128")
    assert (status, out) == (1, "") and err.startswith(f"error: {path}: is for the chip with id 0x{TINY.id:08x}, ")
    assert call("image", "info", path)[0] == 0, "without entries any image will do"


def test_entries_of_a_table_that_is_written_in_parts(call: Call, tmp_path: Path) -> None:
    """Numbers are those of the memory; an entry that is not whole is not told."""
    parts = [s for s in sections(program([20, 11, 4], TINY).mapping) if s.kind != LOADS]
    loads = [Section(LOADS, 0, 4, (7, 1 << 10, 0, 0b11)), Section(LOADS, 0, 16, (1 << 31 | 5, 3, 0, 1 << 5, 9))]
    path = tmp_path / "image.bin"
    path.write_bytes(np.array(assemble(TINY, (*parts, *loads)), "<u4").tobytes())
    found = json.loads(call("image", "info", path, "--entries", "--chip", "tiny", "--json")[1])["entries"]["loads"]
    assert [short(entry, LOAD) for entry in found] == [
        {"entry": 1, "offset": 7, "count": 2, "arrays": [0, 1]},
        {"entry": 4, "offset": 5, "from_memory": 1, "wordline": 3, "count": 1, "arrays": [5]},
    ]
