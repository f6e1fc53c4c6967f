"""The image folder: every format says the same, and every damage is found and named."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import ImageError
from codesign.fixed import IntType, Trim, crc32
from codesign.image import assemble, info, levels, record, render, sections, verify
from codesign.image.files import read_manifest
from codesign.ir import Linear
from codesign.mapping import Mapping, place
from codesign.mapping.cells import to_codes
from tests.hdl.programs import net
from tests.image.folders import FILES, MAPPING, PACKED, TINY, manifested, problems, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image")


def as_numbers(name: str, files: dict[str, bytes] = FILES) -> list[int]:
    return [int(line, 16) for line in files[name].decode().split()]


def test_same_mapping_same_bytes() -> None:
    assert render(MAPPING) == FILES
    tables = {f"{n}.hex" for n in ("program", "steps", "loads", "tiles", "constants")}
    arrays = {f"array_{k}{s}.hex" for k in range(5) for s in ("", "_trim")}
    others = {"image.bin", "image.hex", "cells.csv", "network.h", "manifest.json", "SHA256SUMS"}
    assert set(FILES) == others | tables | arrays


@pytest.mark.parametrize("mapping", [MAPPING, PACKED], ids=["own tiles", "packed"])
def test_every_format_holds_the_cells(mapping: Mapping, tmp_path: Path) -> None:
    files = render(mapping)
    image = verify(written(tmp_path / "image", files), TINY)
    assert image.sections == sections(mapping)
    assert as_numbers("image.hex", files) == np.frombuffer(files["image.bin"], "<u4").tolist()
    assert as_numbers("image.hex", files) == assemble(TINY, image.sections)
    bits = TINY.device.level_bits
    from_csv = {u.array: np.zeros((16, 16), np.uint8) for u in mapping.arrays}
    weights = {n.name: np.zeros_like(n.weight) for n in mapping.network.nodes if isinstance(n, Linear)}
    rows = list(csv.DictReader(files["cells.csv"].decode().splitlines()))
    assert rows == sorted(rows, key=lambda r: [int(r[k]) for k in ("array", "wordline", "bitline")])
    for row in rows:
        array, wordline, bitline, level = (int(row[k]) for k in ("array", "wordline", "bitline", "level"))
        assert from_csv[array][wordline, bitline] == 0, "a cell is listed once"
        from_csv[array][wordline, bitline] = level
        assert int(row["code"]) == TINY.device.codes[level]
        assert row["polarity"] == "+-"[bitline % 2]
        sign = 1 if row["polarity"] == "+" else -1
        weights[row["layer"]][int(row["input"]), int(row["output"])] += sign * int(row["code"]) * 4 ** int(row["slice"])
    assert all((weights[n.name] == n.weight).all() for n in mapping.network.nodes if isinstance(n, Linear))
    for use in mapping.arrays:
        lines = as_numbers(f"array_{use.array}.hex", files)
        assert len(lines) == 16
        unpacked = [[(line >> (k * bits)) & 3 for k in range(16)] for line in lines]
        assert (np.array(unpacked) == use.levels).all()
        assert (levels(image, use.array, TINY) == use.levels).all()
        assert (from_csv[use.array] == use.levels).all()
        assert as_numbers(f"array_{use.array}_trim.hex", files) == use.offset.tolist()
        assert to_codes(use.levels, TINY.device).max() <= 3


def test_the_manifest_tells_the_pieces_of_a_packed_program(tmp_path: Path) -> None:
    folder = written(tmp_path / "image", render(PACKED))
    found = [
        (p.array, p.wordline, p.column, p.layer, p.slice, p.inputs, p.outputs) for p in read_manifest(folder).pieces
    ]
    assert found == [
        (0, 0, 0, "fc2", 0, (0, 4), (8, 9)),
        (0, 5, 0, "fc1", 0, (0, 11), (0, 4)),
        (0, 5, 4, "fc1", 1, (0, 11), (0, 4)),
        (1, 0, 0, "fc1", 0, (11, 20), (0, 4)),
        (1, 0, 4, "fc1", 1, (11, 20), (0, 4)),
        (1, 9, 0, "fc2", 0, (0, 4), (0, 8)),
        (1, 13, 4, "fc3", 0, (0, 3), (0, 3)),
        (2, 0, 4, "fc3", 0, (3, 9), (0, 3)),
    ]
    told = [line.partition(": ")[2].rpartition(": ")[2] for line in info(folder).splitlines() if "cells of" in line]
    assert told[0] == (
        "fc2, outputs 8 of inputs 0-3; fc1, outputs 0-3 of inputs 0-10; fc1 (slice 1), outputs 0-3 of inputs 0-10"
    )


def test_info(folder: Path) -> None:
    words = len(FILES["image.bin"]) // 4
    lines = info(folder).splitlines()
    crc = as_numbers("image.hex")[-1]
    assert lines[0] == f"image for chip tiny (0x{TINY.id:08x}), network net0, {words} words, CRC-32 0x{crc:08x}"
    assert lines[1].startswith("  program: 3 words from 0, CRC-32 0x")
    assert len(lines) == 1 + 5 + 2 * 5


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_flipped_byte_is_found_in_its_file(name: str, folder: Path) -> None:
    data = FILES[name]
    rng = np.random.default_rng(len(data))
    for at in sorted({0, 1, len(data) // 2, len(data) - 1, *rng.integers(0, len(data), 3).tolist()}):
        for bit in (0, 5):
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
    other = render(place(net([30, 11, 5], TINY, IntType(5, True), seed=9), TINY, {"fc1": Trim(3, 1)}))
    manifested(folder, "array_2.hex", other["array_2.hex"])
    own, others = (as_numbers("array_2.hex", f) for f in (FILES, other))
    wrong = [(w, b) for w in range(16) for b in range(16) if (own[w] ^ others[w]) >> 2 * b & 3]
    found = problems(folder)
    assert found[0] == (
        "array_2.hex: differs from image.bin, byte 5 is wrong "
        "(cells of array 2, wordline 0, bitline 4, weight fc1[10, 0]); copy or compile it again"
    )
    assert len(wrong) > 50 and len(found) == len(wrong), "every cell that differs"
    assert all(any(f"wordline {w}, bitline {b}, " in line for line in found) for w, b in wrong)
    manifested(folder, "array_2.hex", FILES["array_2.hex"])
    manifested(folder, "image.hex", other["image.hex"])
    line = problems(folder)[0]
    assert line.startswith("image.hex: differs from image.bin, byte 747 is wrong (section 4, constants, entry 0, ")
    manifested(folder, "image.hex", FILES["image.hex"])
    manifested(folder, "cells.csv", other["cells.csv"])
    line = problems(folder)[0]
    assert line.startswith(
        "cells.csv: differs from image.bin, byte 72 is wrong (line 2, cells of array 0, wordline 0, "
    )
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


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"schema": "codesign-image/2"}', b"\xff"])
def test_a_manifest_that_is_none(content: bytes, folder: Path) -> None:
    (folder / "manifest.json").write_bytes(content)
    (line,) = problems(folder)
    assert line.startswith("manifest.json: is not an image manifest (")


def test_another_schema(folder: Path) -> None:
    text = FILES["manifest.json"].decode().replace("codesign-image/2", "codesign-image/9")
    (folder / "manifest.json").write_text(text)
    (line,) = problems(folder)
    assert line.startswith("manifest.json: is not an image manifest (schema: ")


def test_a_folder_of_format_1(folder: Path) -> None:
    """Its manifest is told, and a lone image.bin of it; no other line hides that."""
    manifest = json.loads(FILES["manifest.json"]) | {"schema": "codesign-image/1", "format": 1 << 16, "arrays": []}
    del manifest["pieces"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    again = "compile the network again, for its chip.json and with --calibration if its ranges came from samples"
    assert problems(folder) == [f"manifest.json: is of format 1, this codesign reads format 2; {again}"]
    words = np.frombuffer(FILES["image.bin"], "<u4").copy()
    words[1], words[4] = 1 << 16, crc32([*words[:1].tolist(), 1 << 16, *words[2:4].tolist()])
    (folder / "image.bin").write_bytes(words.tobytes())
    with pytest.raises(ImageError) as caught:
        record(folder / "image.bin")
    assert str(caught.value) == (
        f"{folder / 'image.bin'}: is of format 1.0, this codesign reads format 2.0 to 2.1; {again}"
    )


def test_an_image_for_another_chip(folder: Path) -> None:
    other = TINY.model_copy(update={"name": "other", "bus": TINY.bus.model_copy(update={"stream_bytes": 8})})
    assert problems(folder, other) == [
        f"image.bin: is for the chip with id 0x{TINY.id:08x}, other has 0x{other.id:08x}; compile the network for other"
    ]
