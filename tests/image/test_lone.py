"""A lone file that is damaged in one byte: the cell, the entry's field or the offset is named, in every format."""

import random
from pathlib import Path

import numpy as np
import pytest

from codesign import image
from codesign.chip.description import Chip
from codesign.chip.layout import CELLS, CONSTANTS, HEADER, SECTION, STEPS, TRIMS
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.lone import Wrong, wrong_byte
from codesign.image.position import bits_of, in_stream
from codesign.mapping import place
from tests.cli.calls import Call
from tests.hdl.programs import net

TINY = Chip.load("tiny")
MAPPING = place(net([30, 11, 7, 5], TINY, seed=3), TINY)
PARTS = image.sections(MAPPING)
WORDS = {"cells", "steps", "constants", "trims", "loads", "tiles", "program", "its CRC"}
DATA = image.stream(TINY, PARTS).tobytes()


def told(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        image.verify_file(path, TINY)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


def payload(kind: int, index: int = 0) -> int:
    """First byte of a section's words."""
    at = HEADER.words
    for s in PARTS:
        if (s.kind, s.index) == (kind, index):
            return 4 * (at + SECTION.words)
        at += SECTION.words + len(s.words) + 1
    raise AssertionError


def test_a_good_file(tmp_path: Path) -> None:
    for form, suffixes in image.SUFFIXES.items():
        path = tmp_path / f"image{suffixes[0]}"
        path.write_bytes(image.encode(DATA, form))
        assert image.verify_file(path, TINY).sections == PARTS


@pytest.mark.parametrize("form", image.SUFFIXES)
def test_a_cell_is_named(form: str, tmp_path: Path) -> None:
    """In formats whose lines have checksums, the line, too."""
    array = MAPPING.arrays[1].array
    at = payload(CELLS, array) + 4 * TINY.row_words * 3  # wordline 3, its first cells
    bad = bytearray(DATA)
    bad[at] ^= 1 << TINY.device.level_bits * 2
    text = image.encode(DATA, form)
    if form in ("ihex", "srec"):  # the damage of a copy leaves the line's checksum as it was
        changed = image.encode(bytes(bad), form)
        lines, others = text.splitlines(), changed.splitlines()
        line = next(k for k, (a, b) in enumerate(zip(lines, others, strict=True)) if a != b)
        lines[line] = others[line][:-2] + lines[line][-2:]
        found = told(tmp_path / f"image{image.SUFFIXES[form][0]}", b"\n".join([*lines, b""]))
        assert found[0].startswith(f"line {line + 1}: '") and "its checksum is 0x" in found[0]
        found = found[1:]
    else:
        found = told(tmp_path / f"image{image.SUFFIXES[form][0]}", image.encode(bytes(bad), form))
    number = next(k for k, s in enumerate(PARTS) if (s.kind, s.index) == (CELLS, array))
    assert found[0].startswith(f"section {number} (cells of array {array}) CRC at byte ")
    assert found[1:] == [
        f"byte {at} holds 0x{bad[at]:02x} and must hold 0x{DATA[at]:02x}, if it is the only wrong one there "
        f"(section {number}, cells of array {array}, wordline 3, bitline 2); copy or compile it again"
    ]


def test_every_part_of_an_image(tmp_path: Path) -> None:
    """Entries by field, constants by lane, offsets by column, checksums, header: each byte that is changed is found."""
    rng, seen = random.Random(0), set[str]()
    for at in [*rng.sample(range(len(DATA) - 4), 150), payload(STEPS), payload(CONSTANTS), payload(TRIMS)]:
        bad = bytearray(DATA)
        bad[at] ^= (wrong := rng.randrange(1, 256))
        places = dict.fromkeys(in_stream(at // 4, 8 * (at % 4) + b, PARTS, TINY) for b in bits_of(wrong))
        found = told(tmp_path / "image.bin", bytes(bad))
        if "lies outside" in found[-1] or "truncated" in found[-1] or "this is not" in found[-1]:
            continue  # the parts cannot be told
        if not any(word in "".join(places) for word in ("header, chip", "header, format")):
            assert f"({'; '.join(places)}); copy or compile it again" in found[-1], (at, found)
            seen.add(
                next(iter(places)).split(",")[1 if "section" in next(iter(places)) else 0].split(" of ")[0].strip()
            )
    assert seen == WORDS


def test_two_wrong_bytes_are_not_taken_for_one(tmp_path: Path) -> None:
    at, bad = payload(CELLS, MAPPING.arrays[0].array), bytearray(DATA)
    bad[at] ^= 1
    bad[at + 9] ^= 4
    (line,) = told(tmp_path / "image.bin", bytes(bad))
    assert "CRC at byte" in line


def test_the_wrong_byte_of_random_words() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 100, 1000):
        words = rng.integers(0, 1 << 32, size, dtype=np.uint32)
        crc = crc32(words)
        assert wrong_byte(words, crc) is None
        for byte in {0, 3, 4 * size - 1, int(rng.integers(4 * size))}:
            bits = int(rng.integers(1, 256))
            bad = words.copy()
            bad[byte // 4] ^= np.uint32(bits << 8 * (byte % 4))
            assert wrong_byte(bad, crc) == Wrong(byte, bits)
        assert wrong_byte(words, crc ^ 0x300) == Wrong(4 * size + 1, 3)
        two = words ^ np.uint32(1 << 7)
        assert size == 1 or wrong_byte(two, crc) is None


def test_a_damaged_chip_id(call: Call, tmp_path: Path) -> None:
    """Its chip is not known; the header's byte is."""
    bad = bytearray(DATA)
    bad[8] ^= 1
    (tmp_path / "i.bin").write_bytes(bad)
    status, _, err = call("image", "verify", tmp_path / "i.bin")
    lines = err.replace(f"{tmp_path}/", "").splitlines()
    assert status == 1 and len(lines) == 3 and lines[0].startswith("error: i.bin: header CRC at byte 16 is 0x")
    assert lines[1] == (
        f"error: i.bin: byte 8 holds 0x{bad[8]:02x} and must hold 0x{DATA[8]:02x}, if it is the only wrong one there "
        "(header); copy it again"
    )
    assert "is for the chip with id 0x" in lines[2] and "name it with --chip" in lines[2]
