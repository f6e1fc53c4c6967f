"""Images as raw bytes, $readmemh, Intel HEX and S-records: nothing is lost on the way, and every bad line is told."""

import random
import re
from pathlib import Path

import bincopy  # type: ignore[import-untyped]
import numpy as np
import pytest

from codesign.errors import CodesignError
from codesign.image import SUFFIXES, encode, format_of, parse, read_image, read_words, sections
from codesign.image.formats import decode, guessed
from codesign.image.words import stream
from codesign.mapping import place
from tests.hdl.programs import net
from tests.image.folders import FILES, PARTS, TINY
from tests.image.test_pictures import MAPPING as PICTURES

BIN = FILES["image.bin"]
TEXTS = [form for form in SUFFIXES if form != "bin"]


@pytest.mark.parametrize("form", SUFFIXES)
@pytest.mark.parametrize("seed", range(6))
def test_there_and_back(form: str, seed: int, tmp_path: Path) -> None:
    """Random programs and one of convolutions, at any address."""
    rng = random.Random(seed)
    sizes = [rng.randint(1, 30), rng.randint(1, 16), rng.randint(1, 8)]
    parts = sections(place(net(sizes, TINY, seed=seed), TINY)) if seed else sections(PICTURES)
    data = stream(TINY, parts).tobytes()
    address = rng.choice([0, 0x1000, 0xFFFC, 0x0800_0000, (1 << 32) - len(data)]) if form in ("ihex", "srec") else 0
    for ending in SUFFIXES[form]:
        path = tmp_path / f"image{ending}"
        path.write_bytes(encode(data, form, address))
        found = read_words(path, TINY)
        assert (found.data, found.problems, found.address) == (data, [], address)
        assert read_image(path, TINY).sections == parts
        assert format_of(path) == form
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") if form != "bin" else data)
        assert read_image(path, TINY).sections == parts, "lines as DOS ends them"


def test_the_formats_are_the_common_ones(tmp_path: Path) -> None:
    """Another reader, and the first lines by hand."""
    assert encode(BIN[:8], "ihex", 0x1_0000) == b":020000040001F9\n:080000005842494D00000200C6\n:00000001FF\n"
    srec = encode(BIN[:8], "srec", 0x1_0000).split(b"\n")
    assert srec[0] == b"S00B0000" + b"codesign".hex().upper().encode() + b"A8" and srec[2:] == [
        b"S5030001FB",
        b"S70500010000F9",
        b"",
    ]
    for form in ("ihex", "srec"):
        other = bincopy.BinFile()
        other.add(encode(BIN, form, 0x20).decode())
        assert (other.minimum_address, bytes(other.as_binary())) == (0x20, BIN)
    assert encode(BIN, "readmemh") == FILES["image.hex"]


def test_intel_hex_in_a_file_called_hex(tmp_path: Path) -> None:
    path = tmp_path / "image.hex"
    for form in TEXTS:
        path.write_bytes(encode(BIN, form))
        assert guessed(path, path.read_bytes()) == form
        assert read_words(path, None).data == BIN
        assert guessed(tmp_path / "image.txt", path.read_bytes()) == form
    assert guessed(tmp_path / "image", BIN) == "bin"


def test_lines_in_any_order() -> None:
    for form in ("ihex", "srec"):
        lines = encode(BIN, form).splitlines()
        middle = lines[1:-2]
        random.Random(1).shuffle(middle)
        assert decode(b"\n".join([lines[0], *middle, *lines[-2:]]), form).data == BIN


EOF = "has no end record (:00000001FF): it is cut off"


@pytest.mark.parametrize(
    ("form", "change", "told"),
    [
        (
            "ihex",
            lambda t: t.replace(b":080000005842494D00000200C6", b":080000005842494D00000200C7"),
            ["line 1: ':080000005842494D0000...': its checksum is 0xC7, its contents give 0xC6"],
        ),
        ("ihex", lambda t: t.replace(b"494D", b"4x4D"), ["is not an Intel HEX line"]),
        ("ihex", lambda t: t[:-12], [EOF]),
        ("ihex", lambda t: t + b":00000001FF\n", ["line 3: follows the end record"]),
        ("ihex", lambda t: t.replace(b":00", b":0000000CF4\n:00", 1), ["record type 12 with 0 bytes is not known"]),
        ("ihex", lambda t: b"", [EOF, "holds no data"]),
        ("srec", lambda t: t.replace(b"S5030002FA", b"S5030003F9"), ["holds 2 good data lines, its S5 line counts 3"]),
        ("srec", lambda t: t[: t.index(b"S5")], ["has no S5, S7, S8 or S9 line at its end: it is cut off"]),
        ("srec", lambda t: t.replace(b"S3", b"S4", 1), ["is not an S-record line", "counts 2"]),
        ("readmemh", lambda t: t.replace(b"00020000", b"0002000"), ["line 2: '0002000' is not a word of 8 hex digits"]),
        ("readmemh", lambda t: t.replace(b"0002", b"@002", 1), ["line 2: '@0020000' is not a word of 8 hex digits"]),
    ],
)
def test_a_line_that_is_wrong(form: str, change, told: list[str]) -> None:
    data = BIN[:8]
    text = encode(data, form) if form != "srec" else encode(BIN[:36], form)
    damaged = change(text)
    assert damaged != text
    problems = decode(damaged, form).problems
    assert len(problems) >= len(told)
    for line in told:
        assert any(line in problem for problem in problems), problems


def test_a_gap_and_a_line_told_twice() -> None:
    lines = encode(BIN, "ihex").splitlines(keepends=True)
    lost = decode(b"".join(lines[:4] + lines[5:]), "ihex")
    assert lost.problems == ["addresses 0x80 to 0x9f are missing before line 5"]
    assert lost.data == BIN[:128] + bytes(32) + BIN[160:], "everything else is where it was"
    twice = decode(b"".join(lines[:5] + lines[4:]), "ihex")
    assert twice.problems == ["line 6: writes address 0x80 again"] and twice.data == BIN
    head = b":020000040000FA\n"
    far = decode(b"".join([lines[0], head.replace(b"0000FA", b"FFFFFC"), *lines[1:]]), "ihex")
    assert len(far.data) < 4096 and any("are missing before line 3" in line for line in far.problems), "no 4 GB of 0"


@pytest.mark.parametrize("form", TEXTS)
def test_any_flipped_character_is_found(form: str, tmp_path: Path) -> None:
    """By the format's own checksums or the image's."""
    text, rng, path = encode(BIN, form), random.Random(5), tmp_path / f"image{SUFFIXES[form][0]}"
    skip = len(text.splitlines()[0]) + 1 if form == "srec" else 0  # a name, of no meaning
    for at in [rng.randrange(skip, len(text) - 1) for _ in range(150)]:
        bad = bytearray(text)
        bad[at] ^= 1 << rng.randrange(7)
        path.write_bytes(bad)
        found = read_words(path, TINY)
        if found.data == BIN and not found.problems:
            assert bad[at : at + 1].lower() == text[at : at + 1].lower() or bad[at : at + 1].isspace(), at
            continue
        with pytest.raises(CodesignError) as caught:
            read_image(path, TINY)
        assert re.match(rf"{path}: ", str(caught.value))


def test_sizes_are_looked_at_before_reading(tmp_path: Path) -> None:
    for form in TEXTS:
        path = tmp_path / f"image{SUFFIXES[form][0]}"
        with path.open("wb") as f:
            f.truncate(1 << 40)
        with pytest.raises(CodesignError, match=r"1,099,511,627,776 bytes, at most"):
            read_words(path, TINY)


@pytest.mark.parametrize(
    ("form", "address", "told"),
    [
        ("bin", 4, "--address 0x4: bin files have no addresses; use ihex or srec"),
        ("readmemh", 4, "--address 0x4: readmemh files have no addresses; use ihex or srec"),
        ("ihex", (1 << 32) - 8, "--address 0xfffffff8: 1,"),
        ("srec", -1, "--address -0x1: 1,"),
    ],
)
def test_an_address_that_cannot_be(form: str, address: int, told: str) -> None:
    with pytest.raises(CodesignError) as caught:
        encode(BIN, form, address)
    assert str(caught.value).startswith(told)


def test_parts_of_the_tests_are_what_they_seem() -> None:
    assert parse(BIN, TINY).sections == PARTS and len(np.frombuffer(BIN, "<u4")) > 200
    assert len(TEXTS) == 3
