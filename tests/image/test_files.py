"""The image folder: every format says the same, and every damage is found and named."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from codesign.fixed import IntType
from codesign.image import assemble, info, levels, render, sections, verify
from codesign.mapping import place
from codesign.mapping.cells import to_codes
from tests.hdl.programs import net
from tests.image.folders import FILES, MAPPING, TINY, manifested, problems, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image")


def as_numbers(name: str) -> list[int]:
    return [int(line, 16) for line in FILES[name].decode().split()]


def test_same_mapping_same_bytes() -> None:
    assert render(MAPPING) == FILES
    tables = {f"{n}.hex" for n in ("program", "steps", "loads", "tiles", "constants")}
    arrays = {f"array_{k}{s}.hex" for k in range(5) for s in ("", "_trim")}
    others = {"image.bin", "image.hex", "cells.csv", "network.h", "manifest.json", "SHA256SUMS"}
    assert set(FILES) == others | tables | arrays


def test_every_format_holds_the_cells(folder: Path) -> None:
    image = verify(folder, TINY)
    assert image.sections == sections(MAPPING)
    assert as_numbers("image.hex") == np.frombuffer(FILES["image.bin"], "<u4").tolist()
    assert as_numbers("image.hex") == assemble(TINY, image.sections)
    bits = TINY.device.level_bits
    from_csv = {k: np.zeros((16, 16), np.uint8) for k in range(5)}
    for row in csv.DictReader(FILES["cells.csv"].decode().splitlines()):
        from_csv[int(row["array"])][int(row["wordline"]), int(row["bitline"])] = int(row["level"])
        assert int(row["code"]) == TINY.device.codes[int(row["level"])]
        use = MAPPING.arrays[int(row["array"])]
        assert row["layer"] == use.layer and int(row["input"]) == use.row + int(row["wordline"])
        assert int(row["output"]) == use.column + int(row["bitline"]) // 2
        assert row["polarity"] == "+-"[int(row["bitline"]) % 2]
    for use in MAPPING.arrays:
        lines = as_numbers(f"array_{use.array}.hex")
        assert len(lines) == 16
        unpacked = [[(line >> (k * bits)) & 3 for k in range(16)] for line in lines]
        assert (np.array(unpacked) == use.levels).all()
        assert (levels(image, use.array, TINY) == use.levels).all()
        assert (from_csv[use.array] == use.levels).all()
        assert as_numbers(f"array_{use.array}_trim.hex")[0] == use.trim.gain | use.trim.shift << 16
        assert to_codes(use.levels, TINY.device).max() <= 3


def test_info(folder: Path) -> None:
    words = len(FILES["image.bin"]) // 4
    lines = info(folder).splitlines()
    crc = as_numbers("image.hex")[-1]
    assert lines[0] == f"image for chip tiny (0x{TINY.id:08x}), network net0, {words} words, CRC-32 0x{crc:08x}"
    assert lines[1].startswith("  program: 2 words from 0, CRC-32 0x")
    assert len(lines) == 1 + 5 + 2 * 5


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_flipped_byte_is_found_in_its_file(name: str, folder: Path) -> None:
    data = FILES[name]
    rng = np.random.default_rng(len(data))
    for at in sorted({0, 1, len(data) // 2, len(data) - 1, *rng.integers(0, len(data), 5).tolist()}):
        for bit in (0, 3, 5):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            (folder / name).write_bytes(bytes(changed))
            assert any(name in line for line in problems(folder)), (at, bit)
    (folder / name).write_bytes(data)
    assert verify(folder, TINY)


@pytest.mark.parametrize("name", sorted(FILES))
def test_truncated_or_missing(name: str, folder: Path) -> None:
    for size in (0, 1, len(FILES[name]) // 2, len(FILES[name]) - 1):
        (folder / name).write_bytes(FILES[name][:size])
        assert problems(folder)[0].startswith(f"{name}: "), size
    (folder / name).unlink()
    assert problems(folder)[0] == f"{name}: is missing; copy or compile it again"


def test_swapped(folder: Path) -> None:
    (folder / "array_0.hex").write_bytes(FILES["array_1.hex"])
    (folder / "array_1.hex").write_bytes(FILES["array_0.hex"])
    lines = problems(folder)
    assert "array_0.hex: holds what belongs in array_1.hex; copy or compile it again" in lines
    assert "array_1.hex: holds what belongs in array_0.hex; copy or compile it again" in lines


def test_foreign(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    assert problems(folder) == ["notes.txt: is not part of this image; remove it"]


def test_several_damages_are_all_listed(folder: Path) -> None:
    (folder / "steps.hex").unlink()
    (folder / "cells.csv").write_text("")
    (folder / "extra").mkdir()
    found = {line.split(":")[0] for line in problems(folder)}
    assert found == {"steps.hex", "cells.csv", "extra"}


def test_files_of_another_image_are_told_from_image_bin(folder: Path) -> None:
    other = render(place(net([30, 11, 5], TINY, IntType(5, True), seed=9), TINY))
    manifested(folder, "array_2.hex", other["array_2.hex"])
    assert problems(folder) == [
        "array_2.hex: differs from image.bin, byte 5 is wrong "
        "(cells of array 2, wordline 0, bitline 4, weight fc1[10, 0]); copy or compile it again"
    ]
    manifested(folder, "array_2.hex", FILES["array_2.hex"])
    manifested(folder, "image.hex", other["image.hex"])
    (line,) = problems(folder)
    assert line.startswith("image.hex: differs from image.bin, byte 486 is wrong (section 4, constants, word 0)")
    manifested(folder, "image.hex", FILES["image.hex"])
    manifested(folder, "cells.csv", other["cells.csv"])
    (line,) = problems(folder)
    assert line.startswith("cells.csv: differs from image.bin, byte 66 is wrong (line 2)")
    manifested(folder, "cells.csv", FILES["cells.csv"])
    manifested(folder, "image.bin", other["image.bin"])
    found = problems(folder)
    assert found[-1] == "manifest.json: its crc32, sections, files contradict image.bin; copy or compile it again"
    assert any(line.startswith("array_2.hex: differs from image.bin, byte 5 is wrong (") for line in found)


@pytest.mark.parametrize("name", ["../outside.hex", "/etc/passwd", "a/b.hex", "..", "a\\b.hex", ""])
def test_names_that_leave_the_folder(name: str, folder: Path) -> None:
    manifest = json.loads(FILES["manifest.json"])
    manifest["files"][name] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (line,) = problems(folder)
    assert line.startswith("manifest.json: is not an image manifest (files.") and "pattern" in line


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"schema": "codesign-image/1"}', b"\xff"])
def test_a_manifest_that_is_none(content: bytes, folder: Path) -> None:
    (folder / "manifest.json").write_bytes(content)
    (line,) = problems(folder)
    assert line.startswith("manifest.json: is not an image manifest (")


def test_another_schema(folder: Path) -> None:
    text = FILES["manifest.json"].decode().replace("codesign-image/1", "codesign-image/9")
    (folder / "manifest.json").write_text(text)
    (line,) = problems(folder)
    assert line.startswith("manifest.json: is not an image manifest (schema: ")


def test_an_image_for_another_chip(folder: Path) -> None:
    other = TINY.model_copy(update={"name": "other", "bus": TINY.bus.model_copy(update={"stream_bytes": 8})})
    assert problems(folder, other) == [
        f"image.bin: is for the chip with id 0x{TINY.id:08x}, other has 0x{other.id:08x}; compile the network for other"
    ]
