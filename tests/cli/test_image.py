"""codesign image on links, lone files and bare folders."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import PROGRAM
from codesign.image import assemble, sections
from tests.cli.calls import Call
from tests.hdl.programs import program

TINY = Chip.load("tiny")


def whole(folder: Path) -> str:
    return f"{folder}: is whole, and all formats say the same\n"


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
    assert second.startswith("  program: 2 words from 0, CRC-32 0x")
    status, out, _ = call("image", "info", path, "--json")
    assert json.loads(out)["words"] == len(made.words)
    assert call("image", "verify", path, "--chip", "tiny") == (0, whole(path), "")
    assert call("image", "verify", path) == (
        1,
        "",
        f"error: {path}: holds no program.json; name the image's chip with --chip\n",
    )
    parts = sections(made.mapping)
    none = tuple(type(s)(s.kind, 0, 0, [65535, 5]) if s.kind == PROGRAM else s for s in parts)
    path.write_bytes(np.array(assemble(TINY, none), "<u4").tobytes())
    assert call("image", "verify", path, "--chip", "tiny") == (
        1,
        "",
        f"error: {path}: program: 65535 steps, chip tiny takes 1..16; compile again\n",
    )
    path.write_bytes(path.read_bytes()[:-4])
    assert call("image", "info", path)[2].startswith(f"error: {path}: ")
