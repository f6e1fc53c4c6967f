"""codesign image convert and diff: any format in, any format out, and what two images differ in."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.image import assemble, encode, sections
from codesign.program import Program
from tests.cli.calls import Call
from tests.hdl.programs import program
from tests.image import test_pictures
from tests.image.folders import changed, field

TINY = Chip.load("tiny")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return program([20, 11, 4], TINY).save(tmp_path / "p")


def test_every_format_into_every_other(call: Call, home: Path, tmp_path: Path) -> None:
    good = (home / "image" / "image.bin").read_bytes()
    sources: list[Path] = [home, home / "image", home / "image" / "image.bin", home / "image" / "image.hex"]
    for name in ("a.ihex", "a.srec", "a.s19", "a.mcs", "a.bin", "a.hex", "a.mem"):
        for k, source in enumerate(sources):
            out = tmp_path / f"{k}{name}"
            status, told, err = call("image", "convert", source, "--out", out)
            assert (status, err) == (0, "") and told.startswith(f"{out}: {len(good) // 4:,} words as ")
        sources.append(out)
    for k, source in enumerate(sources):
        out = tmp_path / f"last{k}.bin"
        assert call("image", "convert", source, "--out", out)[0] == 0
        assert out.read_bytes() == good, source
        status, told, err = call("image", "diff", home, source)
        assert (status, told, err) == (0, f"{home} and {source}: equal\n", "")
        assert call("image", "verify", source)[0] == 0
        assert "words, CRC-32 " in call("image", "info", source, "--entries")[1]
    status, told, _ = call("image", "convert", home, "--out", tmp_path / "x", "--format", "srec", "--json")
    assert json.loads(told) == {
        "file": str(tmp_path / "x"),
        "format": "srec",
        "words": len(good) // 4,
        "address": 0,
    }
    assert call("image", "convert", home, "--out", tmp_path / "y.ihex", "--address", "0x8000000")[0] == 0
    assert (tmp_path / "y.ihex").read_text().startswith(":020000040800F2\n")
    assert call("image", "diff", tmp_path / "y.ihex", home)[0] == 0


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--out", "a.xyz"], 1, "a.xyz: its name tells no format; end it in .bin, .hex, .ihex, .srec or name one with"),
        (["--out", "a", "--format", "elf"], 1, "format 'elf': is not supported; use bin, readmemh, ihex, srec"),
        (["--out", "a.bin", "--address", "4"], 1, "--address 0x4: bin files have no addresses; use ihex or srec"),
        (["--out", "a.ihex", "--address", "0xfffffff0"], 1, "--address 0xfffffff0: "),
        (["--out", "a.ihex", "--address", "here"], 2, "must be an integer, such as 0x8000, got 'here'"),
        (["--out", "there.bin"], 1, "there.bin: already exists; choose another name or remove it"),
    ],
)
def test_what_convert_refuses(
    options: list[str], status: int, told: str, call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)
    Path("there.bin").write_text("mine")
    got = call("image", "convert", home, *options)
    assert got[:2] == (status, "") and told in " ".join(got[2].replace("│", "").split())
    assert Path("there.bin").read_text() == "mine" and not any(Path(n).exists() for n in ("a", "a.bin", "a.ihex"))


def test_a_damaged_image_is_not_converted(call: Call, home: Path, tmp_path: Path) -> None:
    data = bytearray((home / "image" / "image.bin").read_bytes())
    data[100] ^= 1
    (tmp_path / "bad.bin").write_bytes(data)
    status, out, err = call("image", "convert", tmp_path / "bad.bin", "--out", tmp_path / "c.ihex")
    assert (status, out) == (1, "") and err.startswith(f"error: {tmp_path / 'bad.bin'}: section 1 (steps) CRC at byte ")
    (tmp_path / "bad.ihex").write_bytes(encode(bytes(data), "ihex").replace(b":20", b":2g", 1)[:-13])
    status, out, err = call("image", "verify", tmp_path / "bad.ihex", "--json")
    lines = err.replace(f"error: {tmp_path / 'bad.ihex'}: ", "").splitlines()
    assert status == 1 and json.loads(out)["damage"] == [line.removeprefix("error: ") for line in err.splitlines()]
    assert lines[0].startswith("line 1: ':2g000000") and "has no end record" in "".join(lines)


def saved(tmp_path: Path, name: str, parts: object) -> Path:
    path = tmp_path / name
    path.write_bytes(np.array(assemble(TINY, parts), "<u4").tobytes())
    return path


def test_what_differs_is_decoded(call: Call, home: Path, tmp_path: Path) -> None:
    """Cells by weight, fields of entries, constants, offsets; what only one of them writes."""
    parts = sections(Program.load(home).mapping)
    other = changed(6, 3, parts[5].words[3] ^ 0b11 << 10, index=0, parts=parts)  # wordline 3, bitline 5
    other = field(2, 0, other, shift=9, linked=(1,))
    other = changed(5, 0, int(parts[4].words[0]) ^ 1, parts=other)
    other = changed(7, 2, 77, index=1, parts=other)
    path = saved(tmp_path, "other.bin", other)
    status, out, err = call("image", "diff", home, path)
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[-1] == f"{home} and {path}: {len(lines) - 1} differences"
    levels = Program.load(home).mapping.arrays[0].levels
    was = int(levels[3, 5])
    expected = [
        "steps, entry 0, shift: 14 -> 9",
        "steps, entry 0, linked: 1, 3 -> 1",
        f"cells of array 0, wordline 3, bitline 5, weight fc1[2, 3]: level {was} -> level {was ^ 3}",
        "trims of array 1, column 2: 0 -> 77",
    ]
    assert [line for line in lines if line in expected] == expected
    assert any(line.startswith("constants, entry 0, lane 0, mult: ") for line in lines) and len(lines) == 6
    found = json.loads(call("image", "diff", home, path, "--json")[1])
    assert (
        found["equal"] is False
        and {
            "memory": "cells",
            "array": 0,
            "wordline": 3,
            "bitline": 5,
            "weight": "fc1[2, 3]",
            "first": was,
            "second": was ^ 3,
        }
        in found["differences"]
    )
    fewer = saved(tmp_path, "fewer.bin", [s for s in parts if s.index != 3])
    told = call("image", "diff", fewer, home)[1].splitlines()
    assert told[-1].endswith(f"{16 * 16 + 8} differences")
    assert told[0].startswith("cells of array 3, wordline 0, bitline 0, weight fc1[8, 16]: not written -> level ")


def test_other_order_is_no_difference(call: Call, home: Path, tmp_path: Path) -> None:
    path = saved(tmp_path, "turned.bin", sections(Program.load(home).mapping)[::-1])
    assert path.read_bytes() != (home / "image" / "image.bin").read_bytes()
    assert call("image", "diff", path, home) == (0, f"{path} and {home}: equal\n", "")


def test_pictures_too(call: Call, tmp_path: Path) -> None:
    home = Program(test_pictures.MAPPING).save(tmp_path / "conv")
    data = bytearray((home / "image" / "image.bin").read_bytes())
    out = tmp_path / "conv.s37"
    assert call("image", "convert", home, "--out", out)[0] == 0
    assert call("image", "diff", home, out)[0] == 0
    parts = sections(test_pictures.MAPPING)
    other = field(8, 1, parts, row_1=3, source_2=-7)
    told = call("image", "diff", home, saved(tmp_path, "w.bin", other))[1]
    assert "walks, entry 1, row_1: " in told and "-> -7" in told and len(data) > 1000


def test_images_for_two_chips(call: Call, home: Path, tmp_path: Path) -> None:
    other = program([20, 11, 4], Chip.load("reference-128")).save(tmp_path / "r")
    status, out, err = call("image", "diff", home, other)
    assert (status, out) == (1, "") and err == (
        f"error: {other / 'image' / 'image.bin'}: is for the chip with id 0x{Chip.load('reference-128').id:08x}, "
        f"{home / 'image' / 'image.bin'} for 0x{TINY.id:08x}; give two images for one chip\n"
    )
    shutil.rmtree(other)
    assert call("image", "diff", home, other)[0] == 1
