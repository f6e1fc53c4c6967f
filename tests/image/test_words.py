"""The image as words: encoding, parsing, and every fault told apart."""

from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import CELLS, CONSTANTS, LOADS, PROGRAM, STEPS, TILES, TRIMS, WALKS, Layout
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim, crc32, unpack_fields
from codesign.image import Section, assemble, parse, sections
from codesign.image.descriptors import (
    decode_cells,
    decode_constants,
    encode_cells,
    encode_offsets,
    encode_step,
    encode_tables,
)
from codesign.mapping import Mapping, place
from tests.hdl.programs import net
from tests.image.folders import PACKED

TINY = Chip.load("tiny")


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return place(net([30, 11, 5], TINY, IntType(5, True)), TINY, {"fc1": Trim(3, 1)})


def raw(words: list[int]) -> bytes:
    return np.array(words, dtype="<u4").tobytes()


def message(words: list[int] | bytes, chip: Chip = TINY) -> str:
    with pytest.raises(ImageError) as caught:
        parse(words if isinstance(words, bytes) else raw(words), chip, "x.bin")
    return str(caught.value)


def test_written_and_read_back(mapping: Mapping) -> None:
    parts = sections(mapping)
    words = assemble(TINY, parts)
    image = parse(raw(words), TINY)
    assert image.sections == parts and image.crc == words[-1] and image.chip_id == TINY.id
    assert image.find(PROGRAM).words.tolist() == [2, mapping.beats, 5]
    for use in mapping.arrays:
        cells = image.find(CELLS, use.array)
        assert cells.name == f"cells of array {use.array}"
        assert (decode_cells(cells.words, TINY) == use.levels).all()
        assert (image.find(TRIMS, use.array).words == encode_offsets(use.offset)).all()
    for kind, entries in encode_tables(mapping).items():
        assert image.find(kind).words.tolist() == [w for e in entries for w in e]
    with pytest.raises(ImageError, match=r"image: has no cells of array 5 section; compile the network again"):
        image.find(CELLS, 5)


def test_entries_mean_what_the_mapping_says(mapping: Mapping) -> None:
    tables = encode_tables(mapping)
    steps, loads, tiles, constants = (tables[k] for k in (STEPS, LOADS, TILES, CONSTANTS))
    layout = Layout.of(TINY)
    sizes = (layout.step, layout.load, layout.tile, layout.constant)
    assert [{len(e) for e in t} for t in (steps, loads, tiles, constants)] == [{s} for s in sizes]
    first, second = mapping.steps
    assert (steps[0][0] & 7, steps[0][0] >> 4 & 1, steps[1][0] >> 4 & 1) == (4, 1, 0)  # 5 bits, signed; unsigned
    assert [e[0] >> 5 & 3 for e in steps] == [0b10, 0b01]  # releases the input; raw
    assert [e[0] >> 8 & 7 for e in steps] == [0, 1]
    assert [(e[0] >> 24, e[0] >> 12 & 15) for e in steps] == [(3, 1), (1, 0)]  # the range
    assert [e[0] >> 16 & 31 for e in steps] == [first.shift, second.shift]
    assert [(e[1] & 0xFFFF, e[1] >> 16) for e in steps] == [(0, 2), (2, 1)]
    assert [(e[2] & 0xFFFF, e[2] >> 16) for e in steps] == [(0, 2), (2, 1)]
    assert [(e[5] & 0xFFFF, e[5] >> 16) for e in steps] == [(0, 255), (0, 0)]
    assert [e[3] for e in steps] == [1, 1] and [e[4] for e in steps] == [0, 0]  # two groups from group 0 on
    assert [e[10] for e in steps] == [0b01111, 0b10000] and [e[11] for e in steps] == [0b01010, 0]
    assert not any(w for e in steps for w in (*e[6:10], *e[12:])), "one place, and nothing to spare"
    assert [e[0] for e in loads] == [0, 16, 1 << 31] and [e[1] for e in loads] == [15 << 10, 13 << 10, 10 << 10]
    assert [e[2:] for e in loads] == [[0, 0b0101], [0, 0b1010], [0, 0b10000]]
    assert [e[0] for e in tiles] == [1 | 8 << 10, 3 | 3 << 10, 4 | 5 << 10]
    assert [e[1] for e in tiles] == [t.terms[0].correction for s in mapping.steps for t in s.tiles]
    assert [e[2] for e in tiles] == [last | w for last, w in ((1 << 27, 0), (1 << 27, 8), (1 << 27, 0))]
    assert [e[3] for e in tiles] == [0, 2, 3]
    assert len(constants) == 3 + 2
    lane = 1
    bits = sum(w << (32 * k) for k, w in enumerate(constants[2])) >> (48 * lane)
    assert bits & 0xFFFF == int(first.mult[9]) & 0xFFFF and bits >> 16 & 0xFFFFFFFF == int(first.bias[9]) & 0xFFFFFFFF
    assert sum(w << (32 * k) for k, w in enumerate(constants[2])) >> 144 == 0, "lanes past the last output are 0"


def test_a_packed_program_says_where_its_parts_lie() -> None:
    """Loads to wordlines inside arrays, a group other than the first, a second slice added to the first."""
    tables = encode_tables(PACKED)
    assert [(e[0] & 0xFFFFFF, e[1] & 0x3FF, (e[1] >> 10 & 0x3FF) + 1, e[3]) for e in tables[LOADS]] == [
        (0, 5, 11, 0b001),
        (11, 0, 9, 0b010),
        (0, 0, 4, 0b001),
        (0, 9, 4, 0b010),
        (0, 13, 3, 0b010),
        (3, 0, 6, 0b100),
    ]
    assert [(e[3] & 0xFF, e[3] >> 8) for e in tables[STEPS]] == [(1, 0), (1, 0), (0, 1)]
    assert [(e[10], e[11]) for e in tables[STEPS]] == [(0b011, 0b010), (0b011, 0), (0b110, 0b100)]
    terms = [(e[0] & 0x3FF, e[0] >> 10 & 0x3FF, e[0] >> 24, e[2] >> 25 & 3, e[2] >> 27 & 1) for e in tables[TILES]]
    assert terms == [(1, 4, 0, 0, 0), (1, 4, 1, 1, 1), (1, 8, 0, 0, 1), (0, 1, 0, 0, 1), (2, 3, 0, 0, 1)]
    first, second = (decode_constants(entry, TINY) for entry in tables[CONSTANTS][:2])
    assert (second["mult"] == 4 * first["mult"]).all() and first["bias"].any() and not second["bias"].any()


def test_a_signed_range_and_a_far_producer(mapping: Mapping) -> None:
    layout = Layout.of(TINY)
    step = replace(mapping.steps[0], out=IntType(6, True), wait=9)
    entry = encode_step(step, layout, 0, 0)
    assert (entry[5] & 0xFFFF, entry[5] >> 16) == (-32 & 0xFFFF, 31)
    assert entry[0] >> 8 & 7 == 7 and entry[0] >> 11 & 1 == 0


@pytest.mark.parametrize("ends", [(-1, 1), (-31, 31), (-32, -7), (-1, -1), (0, 5), (9, 9)])
def test_a_narrow_range(ends: tuple[int, int], mapping: Mapping) -> None:
    """Both ends are signed fields, also when both are negative; the other words do not change."""
    layout = Layout.of(TINY)
    step = replace(mapping.steps[0], out=IntType(6, True, ends))
    entry, whole = (encode_step(s, layout, 0, 0) for s in (step, replace(step, out=IntType(6, True))))
    assert unpack_fields(entry[5], 16, 2, signed=True) == list(ends)
    assert entry[:5] + entry[6:] == whole[:5] + whole[6:]
    assert all(0 <= w < 1 << 32 for w in entry)


@pytest.mark.parametrize("levels", [2, 3, 4, 6, 16, 100, 256])
@pytest.mark.parametrize("columns", [2, 10, 44])
def test_cells_round_trip(levels: int, columns: int) -> None:
    chip = TINY.model_copy(
        update={
            "arrays": TINY.arrays.model_copy(update={"columns": columns}),
            "device": TINY.device.model_copy(update={"levels": levels, "code_bits": 8}),
        }
    )
    cells = np.random.default_rng(levels).integers(0, levels, (16, columns)).astype(np.uint8)
    cells[0], cells[1] = 0, levels - 1
    words = encode_cells(cells, chip).tolist()
    assert len(words) == 16 * chip.row_words
    assert (decode_cells(words, chip) == cells).all()
    row = sum(w << (32 * k) for k, w in enumerate(words[2 * chip.row_words : 3 * chip.row_words]))
    bits = chip.device.level_bits
    assert [(row >> (k * bits)) & ((1 << bits) - 1) for k in range(columns)] == cells[2].tolist()


def test_many_arrays_have_longer_masks() -> None:
    memory = TINY.memory.model_copy(update={"tiles": 64, "constants": 128})
    chip = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 40}), "memory": memory})
    layout = Layout.of(chip)
    assert (layout.mask, layout.step, layout.load) == (2, 16, 8)
    mapping = place(net([16, 8 * 36], chip), chip)
    step = encode_tables(mapping)[STEPS][0]
    assert step[10:12] == [0xFFFFFFFF, 0xF] and step[12:] == [0, 0, 0, 0]


def test_every_fault_has_its_message(mapping: Mapping) -> None:
    parts = sections(mapping)
    words = assemble(TINY, parts)

    def put(at: int, value: int) -> list[int]:
        return [*words[:at], value, *words[at + 1 :]]

    assert message(b"") == "x.bin: is truncated, 0 bytes are not a whole number of words; copy or compile it again"
    assert message(raw(words)[:-1]).startswith("x.bin: is truncated, ")
    assert message(put(0, 7)) == (
        "x.bin: byte 0 holds 0x00000007, not the magic word 0x4d494258; this is not a programming image"
    )
    assert message(put(1, 0x10000)) == (
        "x.bin: is of format 1.0, this codesign reads format 2.0 to 2.1; compile the network again, for its "
        "chip.json and with --calibration if its ranges came from samples"
    )
    assert message(put(1, 0x20002)).startswith("x.bin: is of format 2.2, this codesign reads format 2.0 to 2.1; ")
    assert message(put(1, 0x30000)).startswith("x.bin: is of format 3.0, ")
    assert message(put(1, 0x20001)).startswith("x.bin: header CRC ")  # its format is taken
    assert message(put(4, 1)).startswith("x.bin: header CRC at byte 16 is 0x00000001, contents give 0x")
    assert message(put(8, words[8] ^ 1)).startswith("x.bin: section 0 (program) CRC at byte 44 is 0x")
    assert message(put(len(words) - 1, 5)).startswith(f"x.bin: image CRC at byte {4 * len(words) - 4} is 0x00000005")
    assert message(words[:-30]).startswith("x.bin: is truncated in section ")
    cut = words[: 5 + 3 + 3 + 1]
    assert message(cut) == f"x.bin: is truncated, section 1 of {len(parts)} is missing; copy or compile it again"
    assert message([*words, 0]) == (
        f"x.bin: ends at byte {4 * len(words) + 4}, its sections end at byte {4 * len(words)}; copy or compile it again"
    )
    assert message(assemble(TINY, parts[1:])) == "x.bin: holds no program section; compile the network again"
    outside = (*parts[:1], Section(STEPS, 0, 255, (1, 2)))
    assert message(assemble(TINY, outside)) == (
        "x.bin: byte 48: section 1 (0x02000000, 2 words from 255) lies outside chip tiny; copy or compile it again"
    )
    for bad in (
        Section(9, 0, 0, (1,)),
        Section(CELLS, 6, 0, (1,)),
        Section(STEPS, 1, 0, (1,)),
        Section(TILES, 0, 0, ()),
        Section(WALKS, 0, 16 * TINY.memory.walks, (0,)),
    ):
        assert "lies outside chip tiny" in message(assemble(TINY, (*parts, bad)))


def test_an_image_for_another_chip(mapping: Mapping) -> None:
    other = TINY.model_copy(update={"name": "other", "bus": TINY.bus.model_copy(update={"stream_bytes": 8})})
    words = assemble(TINY, sections(mapping))
    assert message(words, other) == (
        f"x.bin: is for the chip with id 0x{TINY.id:08x}, other has 0x{other.id:08x}; compile the network for other"
    )
    renamed = TINY.model_copy(update={"name": "renamed"})
    assert parse(raw(words), renamed).crc == words[-1], "a name changes nothing"


def test_any_flipped_bit_of_the_words_is_found(mapping: Mapping) -> None:
    words = assemble(TINY, sections(mapping))
    rng = np.random.default_rng(0)
    for at in [*range(12), *rng.integers(0, len(words), 100).tolist(), len(words) - 1]:
        changed = list(words)
        changed[at] ^= 1 << int(rng.integers(32))
        message(changed)


def test_the_last_word_tells_images_apart(mapping: Mapping) -> None:
    """It must not cover the sections' CRCs: then it would be the same for all images of one shape."""
    words, parts = assemble(TINY, sections(mapping)), sections(mapping)
    header = words[:4]
    blocks = [w for s in parts for w in (s.kind << 24 | s.index, s.first, len(s.words), *s.words)]
    assert words[-1] == crc32([*header, *blocks])
    assert assemble(TINY, sections(mapping)) == words
    other = assemble(TINY, sections(place(net([30, 11, 5], TINY, IntType(5, True), seed=1), TINY)))
    assert len(other) == len(words) and other[-1] != words[-1]
