"""Forged folders: checksums made anew, contents that contradict the image or their tables."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codesign.chip.layout import CELLS, CONSTANTS, LOADS, PROGRAM, STEPS, TILES, TRIMS
from codesign.image import Section, faults, parse, sections, verify
from codesign.image.files import compose
from codesign.image.words import stream
from codesign.mapping import place
from tests.hdl.programs import net
from tests.image.folders import FILES, MAPPING, TINY, manifested, problems, written

PARTS = sections(MAPPING)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image")


def changed(kind: int, at: int, value: int, index: int = 0) -> tuple[Section, ...]:
    """The image's sections with one word changed."""
    assert any((s.kind, s.index) == (kind, index) for s in PARTS)
    return tuple(
        replace(s, words=[*s.words[:at], value, *s.words[at + 1 :]]) if (s.kind, s.index) == (kind, index) else s
        for s in PARTS
    )


def told(parts: tuple[Section, ...]) -> list[str]:
    return faults(parse(stream(TINY, parts).tobytes(), TINY), TINY)


def test_what_the_compiler_writes_has_no_faults() -> None:
    assert told(PARTS) == []
    assert told(changed(CONSTANTS, 0, 1)) == [], "constants are numbers; any will do"


STEP1 = 8  # first word of step 1
UNWRITTEN = 0x00010003  # one load or tile from entry 3, which the image does not have


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (changed(PROGRAM, 0, 0), "program: 0 steps, chip tiny takes 1..16"),
        (changed(PROGRAM, 0, 65535), "program: 65535 steps, chip tiny takes 1..16"),
        (changed(PROGRAM, 0, 17), "program: 17 steps, chip tiny takes 1..16"),
        (changed(PROGRAM, 0, 3), "step 2: has no entry in the image"),
        (changed(PROGRAM, 0, 1), "step 0: is the last but not raw"),
        (changed(PROGRAM, 1, 0), "program: 0 input beats, the input buffer takes 1..32"),
        (changed(PROGRAM, 1, 33), "program: 33 input beats, the input buffer takes 1..32"),
        (changed(PROGRAM, 1, 4), "step 0: load 1 reads word 1, the last is 0"),
        (changed(STEPS, STEP1 + 1, UNWRITTEN), "step 1: load 3 is not in the image"),
        (changed(STEPS, STEP1 + 1, 2), "step 1: has no loads"),
        (changed(STEPS, STEP1 + 1, 0xFFFF0002), "step 1: load 3 is not in the image"),
        (changed(STEPS, STEP1 + 2, UNWRITTEN), "step 1: tile 3 is not in the image"),
        (changed(STEPS, STEP1 + 2, 0x2), "step 1: has no tiles"),
        (changed(STEPS, STEP1 + 3, 0x00040001), "step 1: constants entry 5 is not in the image"),
        (changed(STEPS, STEP1 + 3, 0x00030002), "step 1: converts 3 column groups, an array has 2"),
        (changed(STEPS, 4, 8), "step 0: writes activation words 8..8 of 8"),
        (changed(STEPS, 4, 1 << 16), "step 0: has unused bits set"),
        (changed(STEPS, 0, 0x80000000), "step 0: has unused bits set"),
        (changed(STEPS, 5, 0x000500FF), "step 0: clamps to 255..5, which 8-bit activations cannot hold"),
        (changed(STEPS, 5, 0x01000000), "step 0: clamps to 0..256, which 8-bit activations cannot hold"),
        (changed(STEPS, 6, 0b1001111), "step 0: names arrays that do not exist, chip tiny has 6"),
        (changed(STEPS, 7, 0b100000), "step 0: adds sums of arrays that do not convert"),
        (changed(STEPS, 7, 0b1), "step 0: links array 0, which has no lower neighbour"),
        (
            changed(STEPS, STEP1, int(PARTS[1].words[8]) | 0x200),
            "step 1: waits for 3 steps back, which is before step 0",
        ),
        (changed(STEPS, STEP1, int(PARTS[1].words[8]) | 8), "step 1: has unused bits set"),
        (
            changed(STEPS, STEP1, int(PARTS[1].words[8]) | 0x40),
            "program: 2 steps release the input buffer, 1 must",
        ),
        (
            changed(STEPS, 0, int(PARTS[1].words[0]) & ~0x40),
            "program: 0 steps release the input buffer, 1 must",
        ),
        (changed(LOADS, 4, 1 << 31 | 8), "step 1: load 2 reads word 8, the last is 7"),
        (changed(LOADS, 4, 0), "step 1: load 2 reads the input, the step waits for 1"),
        (changed(LOADS, 5, 0), "step 1: load 2 names no arrays, or some that do not exist"),
        (changed(LOADS, 5, 1 << 6), "step 1: load 2 names no arrays, or some that do not exist"),
        (changed(TILES, 4, 5 | 5 << 16), "step 1: tile 2 reads array 5, which does not convert"),
        (changed(TILES, 4, 4), "step 1: tile 2 reads 0 columns, the step converts 8"),
        (changed(TILES, 4, 4 | 9 << 16), "step 1: tile 2 reads 9 columns, the step converts 8"),
        (changed(TRIMS, 0, 0, 2), "array 2: trim 0x00000000 is invalid: gain must be 1..255, shift 0..15"),
        (changed(TRIMS, 0, 16 << 16 | 1, 2), "array 2: trim 0x00100001 is invalid: gain must be 1..255, shift 0..15"),
        (changed(TRIMS, 3, 32768, 2), "array 2: ADC offsets must lie in -32768..32767, got 0..32768"),
        (
            tuple(s for s in PARTS if (s.kind, s.index) != (CELLS, 3)),
            "array 3: the image does not write all its cells and trims",
        ),
        (
            tuple(replace(s, words=s.words[:-1]) if (s.kind, s.index) == (CELLS, 3) else s for s in PARTS),
            "array 3: the image does not write all its cells and trims",
        ),
    ],
)
def test_entries_outside_their_tables(parts: tuple[Section, ...], expected: str, folder: Path) -> None:
    assert expected in told(parts)
    reseal(folder, parts)
    assert f"image.bin: {expected}; compile again" in problems(folder)


def reseal(folder: Path, parts: tuple[Section, ...]) -> None:
    """A folder that is whole in itself, of any sections."""
    for name, data in compose(TINY, "net0", parts, [], True).items():
        (folder / name).write_bytes(data)


def test_a_level_that_the_cells_do_not_have() -> None:
    three = TINY.model_copy(update={"device": TINY.device.model_copy(update={"levels": 3})})
    image = parse(stream(three, PARTS).tobytes(), three)
    assert any(line.endswith("holds level 3, cells have 0..2") for line in faults(image, three))


def test_cells_past_the_last_bitline() -> None:
    narrow = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"columns": 14})})
    parts = sections(place(net([10, 5], narrow), narrow))
    assert faults(parse(stream(narrow, parts).tobytes(), narrow), narrow) == []
    past = [replace(s, words=[s.words[0] | 1 << 28, *s.words[1:]]) if s.kind == CELLS else s for s in parts]
    image = parse(stream(narrow, tuple(past)).tobytes(), narrow)
    assert faults(image, narrow) == ["array 0: bits past the last bitline are set"]


def forged(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and make SHA256SUMS anew."""
    manifest = json.loads(FILES["manifest.json"])
    change(manifest)
    text = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    (folder / "manifest.json").write_bytes(text)
    sums = manifest["files"] | {"manifest.json": hashlib.sha256(text).hexdigest()}
    (folder / "SHA256SUMS").write_text("".join(f"{d}  {n}\n" for n, d in sorted(sums.items())))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.update(words=7), "its words contradict image.bin"),
        (lambda m: m.update(format=1), "its format contradict image.bin"),
        (lambda m: m["chip"].update(id="0x00000000"), "its chip contradict image.bin"),
        (lambda m: m.update(crc32="0x00000000"), "its crc32 contradict image.bin"),
        (lambda m: m.update(word_order="big-endian"), "its word_order contradict image.bin"),
        (lambda m: m["sections"].pop(), "its sections contradict image.bin"),
        (lambda m: m["sections"][3].update(first=1), "its sections contradict image.bin"),
        (lambda m: m["sections"][3].update(crc32="0x00000000"), "its sections contradict image.bin"),
        (lambda m: m["arrays"].pop(), "its arrays are not those of image.bin"),
        (lambda m: m["arrays"][0].update(array=5), "its arrays are not those of image.bin"),
        (
            lambda m: m["arrays"][0].update(layer="fc2"),
            "array 1 has other inputs, outputs or another layer than its step",
        ),
        (
            lambda m: m["arrays"][1].update(inputs=[0, 14]),
            "array 1 has other inputs, outputs or another layer than its step",
        ),
        (
            lambda m: m["arrays"][0].update(outputs=[1, 9]),
            "array 0 has other inputs, outputs or another layer than its step",
        ),
        (lambda m: m["arrays"][4].update(inputs=[0, 12]), "layer fc2 has 12 inputs, its step has a different number"),
        (lambda m: m["arrays"][4].update(layer="fc1"), "two steps carry the same layer name"),
    ],
)
def test_a_manifest_that_contradicts_the_image(
    change: Callable[[dict[str, Any]], object], expected: str, folder: Path
) -> None:
    forged(folder, change)
    assert f"manifest.json: {expected}; copy or compile it again" in problems(folder)
    forged(folder, lambda m: None)
    assert verify(folder, TINY)


def test_a_manifest_in_another_hand(folder: Path) -> None:
    text = json.dumps(json.loads(FILES["manifest.json"])).encode()
    (folder / "manifest.json").write_bytes(text)
    sums = (
        FILES["SHA256SUMS"]
        .decode()
        .replace(hashlib.sha256(FILES["manifest.json"]).hexdigest(), hashlib.sha256(text).hexdigest())
    )
    (folder / "SHA256SUMS").write_text(sums)
    assert problems(folder) == ["manifest.json: is not laid out as codesign writes it; copy or compile it again"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("array_0.hex", b"\n", b" "),
        ("array_0.hex", b"\n", b"\n\n"),
        ("tiles.hex", b"00001fb0", b"+0001fb0"),
        ("loads.hex", b"\n", b"\r\n"),
        ("program.hex", b"00000002", b"0x000002"),
        ("program.hex", b"00000002", b"+2"),
        ("program.hex", b"00000002", b"2"),
        ("image.hex", b"\n", b"_\n"),
        ("cells.csv", b",fc1,", b",fc2,"),
        ("cells.csv", b"input,output", b"output,input"),
        ("cells.csv", b",+\n", b",-\n"),
        ("cells.csv", b"\n0,", b"\n00,"),
    ],
)
def test_files_that_say_the_same_in_another_way(name: str, old: bytes, new: bytes, folder: Path) -> None:
    """Readers of $readmemh files and of the list take each line for what the format says it is."""
    assert old in FILES[name]
    manifested(folder, name, FILES[name].replace(old, new, 1))
    (line,) = problems(folder)
    assert line.startswith(f"{name}: differs from image.bin, ")


def test_a_list_or_a_file_left_out(folder: Path) -> None:
    (folder / "cells.csv").unlink()
    forged(folder, lambda m: m["files"].pop("cells.csv"))
    assert problems(folder)[0] == "cells.csv: is missing; compile again"


def test_damage_names_the_cell(folder: Path) -> None:
    at = FILES["image.bin"].index(PARTS[5 + 2 * 3].words.tobytes()) + 4 * 5 + 1  # array 3, wordline 5, bits 15:8
    data = bytearray(FILES["image.bin"])
    data[at] ^= 0x40
    (folder / "image.bin").write_bytes(data)
    first, second = problems(folder)
    assert first == (
        f"image.bin: its SHA-256 is not the one in manifest.json, byte {at} is wrong "
        "(section 11, cells of array 3, wordline 5, bitline 7); copy or compile it again"
    )
    assert second.startswith("image.bin: section 11 (cells of array 3) CRC at byte ")
