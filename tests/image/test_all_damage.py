"""All damage of a folder is listed: flips, cuts and swaps in every format, each at its place."""

import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from codesign.chip.layout import CELLS, STEP, STEPS
from codesign.errors import ImageError
from codesign.image import damages, encode, examine, render, sections
from codesign.image.words import stream
from tests.image import test_pictures
from tests.image.folders import FILES, LAYOUT, MAPPING, PARTS, TINY, changed, problems, written

FORMATS = ["image.bin", "image.hex", "array_1.hex", "array_3.hex", "tiles.hex", "constants.hex", "cells.csv"]
PLACE = re.compile(r"byte (\d+) is wrong(?: \(([^)]*)\))?")


def by_folder(folder: Path) -> list[str]:
    return problems(folder)


def by_program(folder: Path) -> list[str]:
    return "\n".join(damages(folder, MAPPING).values()).replace(f"{folder}/", "").splitlines()


JUDGES = pytest.mark.parametrize("judged", [by_folder, by_program])
Judge = Callable[[Path], list[str]]


def places(lines: Iterable[str], name: str) -> set[str]:
    return {m[2] or m[1] for line in lines if line.startswith(f"{name}: ") and (m := PLACE.search(line))}


def flipped(data: bytes, rng: random.Random, count: int) -> bytes:
    """Characters of a text become other hex digits or signs, bits of bytes flip."""
    bad = bytearray(data)
    for at in rng.sample(range(len(data)), count):
        bad[at] ^= 1 << rng.randrange(6)
    return bytes(bad)


@JUDGES
@pytest.mark.parametrize("name", FORMATS)
def test_every_flip_of_a_file(name: str, judged: Judge, tmp_path: Path) -> None:
    """As many places as flips alone find, each told for a file that has them all."""
    folder, rng = written(tmp_path / "image"), random.Random(len(name))
    data, alone = FILES[name], set[str]()
    spots = rng.sample(range(len(data)), 12)
    bad = bytearray(data)
    for at in spots:
        one = bytearray(data)
        one[at] ^= 1 << rng.randrange(6)
        bad[at] = one[at]
        (folder / name).write_bytes(one)
        found = places(judged(folder), name)
        assert 1 <= len(found) <= 3, (at, found)
        alone |= found
    (folder / name).write_bytes(bad)
    assert places(judged(folder), name) == alone and len(alone) > 6


@JUDGES
def test_flips_in_all_files_at_once(judged: Judge, tmp_path: Path) -> None:
    """Each section is still whole in one of the files, so that all of them can be judged."""
    folder, rng = written(tmp_path / "image"), random.Random(1)
    hurt = ["array_1.hex", "array_3.hex", "tiles.hex", "cells.csv"]
    for name in hurt:
        (folder / name).write_bytes(flipped(FILES[name], rng, 5))
    start = FILES["image.bin"].index(PARTS[1].words.tobytes())  # steps; whole in steps.hex
    bad = bytearray(FILES["image.bin"])
    bad[start] ^= 1
    bad[start + 12] ^= 2
    (folder / "image.bin").write_bytes(bad)
    text = bytearray(FILES["image.hex"])
    text[9 * (start // 4 + 4) + 7] ^= 1
    (folder / "image.hex").write_bytes(text)
    lines = judged(folder)
    assert places(lines, "image.bin") == {
        "section 1, steps, entry 0, input_bits",
        "section 1, steps, entry 0, column_groups",
    }
    assert places(lines, "image.hex") == {"section 1, steps, entry 0, write"}
    for name in hurt:
        assert 2 <= len(places(lines, name)) <= 5, name


@JUDGES
@pytest.mark.parametrize("name", [n for n in FORMATS if n != "image.bin"] + ["image.bin"])
def test_cuts(name: str, judged: Judge, tmp_path: Path) -> None:
    """A part that is lost, doubled or in between is told as such, not as the shift of all that follows."""
    folder, data = written(tmp_path / "image"), FILES[name]
    at, long = len(data) // 2, 7
    for bad, told in (
        (data[:at], rf"holds {at:,} bytes, not {len(data):,}|from byte \d+ on [\d,]+ bytes are missing"),
        (data[:at] + data[at + long :], r"from byte \d+ on 7 bytes are missing"),
        (data[:at] + b"!!!!!!!" + data[at:], rf"from byte {at} on 7 bytes are too many"),
        (data[:at] + b"!!" + data[at + 40 :], rf"from byte {at} on 2 bytes stand instead of 40"),
    ):
        (folder / name).write_bytes(bad)
        lines = [line for line in judged(folder) if line.startswith(f"{name}: ")]
        assert any(re.search(told, line) for line in lines), (told, lines)
        assert len(lines) <= 3


@JUDGES
def test_swaps(judged: Judge, tmp_path: Path) -> None:
    """Files that take each other's place, lines of a file, sections of an image."""
    folder = written(tmp_path / "image")
    for one, other in (("array_0.hex", "array_1.hex"), ("image.bin", "image.hex")):
        (folder / one).write_bytes(FILES[other])
        (folder / other).write_bytes(FILES[one])
    found = judged(folder)
    for one, other in (("array_0.hex", "array_1.hex"), ("image.bin", "image.hex")):
        assert f"{one}: holds what belongs in {other}; copy or compile it again" in found
        assert f"{other}: holds what belongs in {one}; copy or compile it again" in found
    for name in ("array_0.hex", "array_1.hex", "image.bin", "image.hex"):
        (folder / name).write_bytes(FILES[name])
    lines = FILES["array_3.hex"].splitlines(keepends=True)
    lines[2], lines[9] = lines[9], lines[2]
    (folder / "array_3.hex").write_bytes(b"".join(lines))
    wrong = {
        f"cells of array 3, wordline {w}, bitline {b}"
        for w, o in ((2, 9), (9, 2))
        for b in range(16)
        if (levels := MAPPING.arrays[3].levels)[w, b] != levels[o, b]
    }
    told = places(judged(folder), "array_3.hex")
    assert {line.split(", weight")[0] for line in told} == wrong and len(wrong) > 4


def test_more_places_than_anyone_reads_are_counted(tmp_path: Path) -> None:
    folder, data = written(tmp_path / "image"), FILES["array_1.hex"]
    (folder / "array_1.hex").write_bytes(data.translate(bytes.maketrans(b"0123456789abcdef", b"fedcba9876543210")))
    lines = damages(folder, MAPPING, most=5)["array_1.hex"].splitlines()
    assert len(lines) == 6 and re.search(r"[\d,]+ more bytes are wrong; copy", lines[-1])
    assert len(damages(folder, MAPPING)["array_1.hex"].splitlines()) == 256


def test_every_section_of_a_lone_image() -> None:
    """Checksums behind the first wrong one are judged too."""
    words = stream(TINY, PARTS).copy()
    starts, at = [], 5
    for part in PARTS:
        starts.append(at + 3)
        at += 4 + len(part.words)
    for number in (1, 4, 9):
        words[starts[number]] ^= 1 << 7
    words[4] ^= 1
    image, lines = examine(words.tobytes(), TINY, "x")
    assert [line.split(" CRC")[0] for line in lines] == [
        "x: header",
        *(f"x: section {n} ({PARTS[n].name})" for n in (1, 4, 9)),
    ]
    assert image is not None and len(image.sections) == len(PARTS)
    image, lines = examine(words[:-9].tobytes(), TINY, "x")
    assert image is None and len(lines) == 5 and "is truncated" in lines[-1]


def test_pictures_have_their_walks_named(tmp_path: Path) -> None:
    files = render(test_pictures.MAPPING)
    folder = written(tmp_path / "image", files)
    data = bytearray(files["image.bin"])
    walks = next(s for s in sections(test_pictures.MAPPING) if s.name == "walks")
    at = data.index(walks.words[16:].tobytes())
    data[at + 4] ^= 1
    data[at + 16] ^= 1
    (folder / "image.bin").write_bytes(data)
    told = "\n".join(problems(folder))
    assert "walks, entry 1, column_0)" in told and "walks, entry 1, count_1)" in told


def test_a_field_of_every_kind_has_its_name(tmp_path: Path) -> None:
    folder = written(tmp_path / "image")
    names = {f.name for f in STEP.fields}
    for at in range(4 * LAYOUT.step):
        data = bytearray(FILES["image.bin"])
        start = data.index(next(s.words for s in PARTS if s.kind == STEPS).tobytes())
        data[start + at] ^= 0x80
        (folder / "image.bin").write_bytes(data)
        (place,) = places(by_program(folder), "image.bin")
        field = place.removeprefix("section 1, steps, entry 0, ")
        assert field in names | {"unused bits"} or re.fullmatch(r"(enabled|linked), array \d+", field)


def test_the_forms_above_are_different() -> None:
    assert changed(CELLS, 0, 1) != PARTS and encode(FILES["image.bin"], "readmemh") == FILES["image.hex"]
    with pytest.raises(ImageError):
        encode(b"", "bin", 1)
