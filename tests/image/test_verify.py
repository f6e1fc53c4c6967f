"""Forged folders: checksums made anew, contents that contradict the image or their tables."""

import hashlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codesign.chip.layout import CELLS, CONSTANTS, LOADS, PROGRAM, STEPS, TILES, TRIMS
from codesign.image import Section, faults, parse, render, sections, verify
from codesign.image.cell_list import held_by
from codesign.image.files import compose
from codesign.image.header import worth_of
from codesign.image.verify import contradictions
from codesign.image.words import stream
from codesign.mapping import place
from tests.hdl.programs import net
from tests.image.folders import (
    FILES,
    MAPPING,
    PACKED,
    PARTS,
    TINY,
    changed,
    field,
    manifested,
    problems,
    told,
    written,
)
from tests.image.test_operands import OPERAND_FAULTS
from tests.image.test_walks import WALK_FAULTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "image")


def test_what_the_compiler_writes_has_no_faults() -> None:
    assert told(PARTS) == []
    assert told(changed(CONSTANTS, 0, 1)) == [], "constants are numbers; any will do"


DISAGREES = "reads the input, the step waits for 1"
FAULTS = [
    (changed(PROGRAM, 0, 0), "program: 0 steps, chip tiny takes 1..16"),
    (changed(PROGRAM, 0, 65535), "program: 65535 steps, chip tiny takes 1..16"),
    (changed(PROGRAM, 0, 17), "program: 17 steps, chip tiny takes 1..16"),
    (changed(PROGRAM, 0, 1 << 16), "program: has unused bits set"),
    (changed(PROGRAM, 0, 3), "step 2: has no entry in the image"),
    (changed(PROGRAM, 0, 1), "step 0: is the last but not raw"),
    (changed(PROGRAM, 1, 0), "program: 0 input beats, the input buffer takes 1..32"),
    (changed(PROGRAM, 1, 33), "program: 33 input beats, the input buffer takes 1..32"),
    (changed(PROGRAM, 1, 4), "step 0: load 1 reads activation 29, the last is 15"),
    (changed(PROGRAM, 2, 4), "program: 4 output words, the last step gives 5"),
    (field(STEPS, 0, raw=1), "step 0: is raw but not the last"),
    (changed(STEPS, 4, 1 << 31), "step 0: has unused bits set"),
    (changed(STEPS, 13, 1), "step 0: has unused bits set"),
    (field(STEPS, 1, first_load=3, loads=1), "step 1: load 3 is not in the image"),
    (field(STEPS, 1, loads=0), "step 1: has no loads"),
    (field(STEPS, 1, loads=65535), "step 1: load 3 is not in the image"),
    (field(STEPS, 1, first_tile=3, tiles=1), "step 1: tile 3 is not in the image"),
    (field(STEPS, 1, tiles=0), "step 1: has no tiles"),
    (field(STEPS, 1, column_groups=3), "step 1: converts column groups up to 2, an array has 2"),
    (field(STEPS, 1, first_group=1), "step 1: converts column groups up to 2, an array has 2"),
    (field(STEPS, 0, write=118), "step 0: writes activations 118..128 of 128"),
    (field(STEPS, 0, hi=5, lo=255), "step 0: clamps to 255..5, which 8-bit activations cannot hold"),
    (field(STEPS, 0, hi=256), "step 0: clamps to 0..256, which 8-bit activations cannot hold"),
    (field(STEPS, 0, lo=-129), "step 0: clamps to -129..255, which 8-bit activations cannot hold"),
    (field(STEPS, 0, enabled=(0, 1, 2, 3, 6)), "step 0: names arrays that do not exist, chip tiny has 6"),
    (field(STEPS, 0, linked=(5,)), "step 0: adds sums of arrays that do not convert"),
    (field(STEPS, 0, enabled=(1, 2, 3)), "step 0: adds sums of arrays that do not convert"),
    (field(STEPS, 0, linked=(0,)), "step 0: links array 0, which has no lower neighbour"),
    (field(STEPS, 0, enabled=(0, 1, 2, 3, 5)), "step 0: converts array 5, which it does not load"),
    (field(STEPS, 0, range_gain=0), "step 0: has a range gain of 0, must be 1..255"),
    (field(STEPS, 1, wait=3), "step 1: waits for 3 instances back, there are 1 before it"),
    (field(STEPS, 1, wait=0), "step 1: load 2 reads activations, the step waits for 0"),
    (field(STEPS, 1, releases_input=1), "program: 2 steps release the input buffer, 1 must"),
    (field(STEPS, 0, releases_input=0), "program: 0 steps release the input buffer, 1 must"),
    (field(STEPS, 1, source=118), "step 1: load 2 reads activation 128, the last is 127"),
    (field(STEPS, 0, source=3), "step 0: load 1 reads activation 32, the last is 31"),
    (
        field(LOADS, 2, field(STEPS, 1, wait=0), from_memory=0),
        "step 1: loads from the input buffer, which step 0 released",
    ),
    (field(LOADS, 2, offset=118), "step 1: load 2 reads activation 128, the last is 127"),
    (field(LOADS, 2, from_memory=0), f"step 1: load 2 {DISAGREES}"),
    (field(LOADS, 2, arrays=()), "step 1: load 2 names no arrays, or some that do not exist"),
    (field(LOADS, 2, arrays=(6,)), "step 1: load 2 names no arrays, or some that do not exist"),
    (field(LOADS, 2, arrays=(3,)), "step 1: converts array 4, which it does not load"),
    (field(LOADS, 2, count=17), "step 1: load 2 copies 17 activations, a memory word has 16"),
    (field(LOADS, 2, wordline=6), "step 1: load 2 reaches wordline 16 of 16"),
    (changed(LOADS, 9, 1 << 31), "step 1: load 2 has unused bits set"),
    (field(TILES, 2, array=5), "step 1: tile 2 reads array 5, which does not convert"),
    (field(TILES, 2, columns=0), "step 1: tile 2 reads 0 columns from group 0 on, there are 8"),
    (field(TILES, 2, columns=9), "step 1: tile 2 reads 9 columns from group 0 on, there are 8"),
    (field(TILES, 2, first_group=1), "step 1: tile 2 reads 5 columns from group 1 on, there are 4"),
    (field(TILES, 2, first_group=3), "step 1: tile 2 reads 5 columns from group 3 on, there are 0"),
    (field(TILES, 2, op=1), "step 1: tile 2 joins its result by 1, its place among the terms is 0"),
    (field(TILES, 2, op=3), "step 1: tile 2 joins its result by 3, its place among the terms is 0"),
    (field(TILES, 0, last=0), "step 0: tile 1 joins its result by 0, its place among the terms is 1"),
    (field(TILES, 2, last=0), "step 1: ends with a tile that is not the last term of its columns"),
    (field(TILES, 1, write=9), "step 0: tile 1 writes from activation 9 on, the tiles before it give 8"),
    (field(TILES, 1, field(TILES, 0, last=0), op=1), "step 0: tile 1 has 3 columns, the term before it 8"),
    (field(TILES, 2, first_constant=4), "step 1: tile 2: constants entry 5 is not in the image"),
    (changed(TILES, 10, 1 << 31), "step 1: tile 2 has unused bits set"),
    (changed(TRIMS, 3, 32768, 2), "array 2: ADC offsets must lie in -32768..32767, got 0..32768"),
    (
        tuple(s for s in PARTS if (s.kind, s.index) != (CELLS, 3)),
        "array 3: the image does not write all its cells and offsets",
    ),
    (
        tuple(replace(s, words=s.words[:-1]) if (s.kind, s.index) == (CELLS, 3) else s for s in PARTS),
        "array 3: the image does not write all its cells and offsets",
    ),
    (
        tuple(s for s in PARTS if (s.kind, s.index) != (TRIMS, 3)),
        "array 3: the image does not write all its cells and offsets",
    ),
]


@pytest.mark.parametrize(("parts", "expected"), FAULTS, ids=[line for _, line in FAULTS])
def test_entries_outside_their_tables(parts: tuple[Section, ...], expected: str, folder: Path) -> None:
    assert expected in told(parts)
    reseal(folder, parts)
    assert f"image.bin: {expected}; compile again" in problems(folder)


def test_every_fault_that_can_be_told_is_provoked_above() -> None:
    """A line of the source, as a pattern, for each line that was told."""
    said = re.findall(r'\byield \(?\s*f?"([^"]*)"', inspect.getsource(sys.modules[faults.__module__]))
    assert len(said) > 40
    patterns = {line: ".+".join(map(re.escape, re.split(r"\{[^}]*\}", line))) for line in said}
    missed = [line for line, p in patterns.items() if not any(re.search(p, told) for _, told in EVERY)]
    assert [line.split("}")[-1] for line in missed] == ELSEWHERE


EVERY = FAULTS + WALK_FAULTS + OPERAND_FAULTS
ELSEWHERE = ["", "", "", ": bits past the last bitline are set", ", "]  # the tests of other chips, below


def reseal(folder: Path, parts: tuple[Section, ...]) -> None:
    """A folder that is whole in itself, of any sections."""
    for name, data in compose(TINY, "net0", parts, [], True, worth_of(MAPPING)).items():
        (folder / name).write_bytes(data)


def test_more_input_bits_than_the_chip_takes() -> None:
    narrow = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
    image = parse(stream(narrow, PARTS).tobytes(), narrow)
    assert faults(image, narrow)[0] == "step 0: 5-bit inputs, chip tiny takes 4"


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


OTHER = "has other inputs, outputs or another layer than its step"


def forged(folder: Path, change: Callable[[dict[str, Any]], object], files: dict[str, bytes] = FILES) -> None:
    """Change the manifest and make SHA256SUMS anew."""
    manifest = json.loads(files["manifest.json"])
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
        (lambda m: m["pieces"].pop(), "its arrays are not those of image.bin"),
        (lambda m: m["pieces"][0].update(array=5), "its arrays are not those of image.bin"),
        (lambda m: m["pieces"][0].update(layer="fc2"), f"array 1 {OTHER}"),
        (lambda m: m["pieces"][1].update(inputs=[16, 29]), f"array 1 {OTHER}"),
        (lambda m: m["pieces"][0].update(outputs=[1, 9]), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][0].update(wordline=1), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][2].update(column=1), f"array 2 {OTHER}"),
        (lambda m: m["pieces"][0].update(slice=1), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][4].update(layer="fc1"), "two steps carry the same layer name"),
    ],
)
def test_a_manifest_that_contradicts_the_image(
    change: Callable[[dict[str, Any]], object], expected: str, folder: Path
) -> None:
    forged(folder, change)
    assert f"manifest.json: {expected}; copy or compile it again" in problems(folder)
    forged(folder, lambda m: None)
    assert verify(folder, TINY)


def test_a_layer_that_is_fed_less_than_it_takes() -> None:
    """Manifest and image agree that fc2 reads ten of fc1's eleven outputs."""
    parts = field(LOADS, 2, count=10)
    image = parse(stream(TINY, parts).tobytes(), TINY)
    assert faults(image, TINY) == []
    pieces = [ref for held in held_by(MAPPING) for ref in held.pieces]
    pieces[4] = pieces[4].model_copy(update={"inputs": (0, 10)})
    assert contradictions(tuple(pieces), image, TINY) == [
        "array 4 holds cells outside its pieces",
        "layer fc2 has 10 inputs, its step has a different number",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m["pieces"].pop(2), "its arrays are not those of image.bin"),
        (lambda m: m["pieces"][0].update(layer="fc3"), f"array 1 {OTHER}"),
        (lambda m: m["pieces"][2].update(slice=0), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][0].update(outputs=[7, 8]), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][5].update(wordline=10), f"array 1 {OTHER}"),
        (lambda m: m["pieces"].__setitem__(slice(1, 3), m["pieces"][2:0:-1]), f"array 0 {OTHER}"),
        (lambda m: m["pieces"][6].update(inputs=[0, 3], column=5), f"array 1 {OTHER}"),
    ],
)
def test_pieces_that_contradict_a_packed_image(
    change: Callable[[dict[str, Any]], object], expected: str, tmp_path: Path
) -> None:
    files = render(PACKED)
    folder = written(tmp_path / "image", files)
    assert verify(folder, TINY)
    forged(folder, change, files)
    assert f"manifest.json: {expected}; copy or compile it again" in problems(folder)


def test_cells_that_belong_to_no_piece(tmp_path: Path) -> None:
    """A cell beside all pieces does no harm, but nobody knows what it is."""
    held, free = PACKED.arrays[2], (15, 0)
    assert held.levels[free] == 0 and all(p.wordline + p.rows < 15 for p in held.pieces)
    levels = held.levels.copy()
    levels[free] = 1
    stray = replace(PACKED, arrays=(*PACKED.arrays[:2], replace(held, levels=levels)))
    folder = written(tmp_path / "image", render(stray))
    assert problems(folder) == ["manifest.json: array 2 holds cells outside its pieces; copy or compile it again"]


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
