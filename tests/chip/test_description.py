"""What follows from a chip, and what its fields say."""

from pathlib import Path

import pytest

from codesign.chip.description import Activation, Adc, Arrays, Bus, Chip, Memory, presets
from codesign.chip.device import Device
from codesign.errors import ConfigError
from tests.chip.edits import edit


@pytest.mark.parametrize("name", presets())
def test_presets_load_under_their_name(name: str) -> None:
    assert Chip.load(name).name == name


def test_what_follows_from_a_chip() -> None:
    chip = Chip.load("tiny")
    assert (chip.columns, chip.groups, chip.device.level_bits) == (8, 2, 2)
    assert (chip.sum_bits, chip.acc_bits) == (9, 17)  # 6 + clog2(6), + 8
    assert chip.row_words == 1  # 16 cells of 2 bits
    assert str(chip.code) == "i6"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count = 6", "count = 7"),
        ("rows = 16", "rows = 32"),
        ("columns = 16 ", "columns = 32 "),
        ("levels = 4", "levels = 3"),
        ("code_bits = 2", "code_bits = 3"),
        ("bits = 6", "bits = 7"),
        ("lanes = 4", "lanes = 2"),
        ("[activation]\nbits = 8", "[activation]\nbits = 4"),
        ("input_words = 8", "input_words = 9"),
        ("[memory]", "[memory]\nword = 8"),
        ("[memory]", "[memory]\nwalks = 17"),
        ("[memory]", "[memory]\noperands = 33"),
        ("[memory]", "[memory]\npools = 65"),
        ("loads = 64", "loads = 65"),
        ("stream_bytes = 4", "stream_bytes = 8"),
    ],
)
def test_another_geometry_is_another_chip(old: str, new: str) -> None:
    assert Chip.parse(edit((old, new))).id != Chip.load("tiny").id


def test_name_and_clock_are_not_part_of_the_identity() -> None:
    assert Chip.parse(edit(('"tiny"', '"other"'))).id == Chip.load("tiny").id
    timed = Chip.parse(edit(('"tiny"', '"tiny"\nclock_mhz = 250')))
    assert timed.clock_mhz == 250 and timed.id == Chip.load("tiny").id


@pytest.mark.parametrize(("name", "number"), [("tiny", 0x79FAE3A3), ("reference-128", 0xA7F385A9)])
def test_presets_keep_their_identity(name: str, number: int) -> None:
    """Images made today must load tomorrow."""
    assert Chip.load(name).id == number


@pytest.mark.parametrize(("rows", "word"), [(16, 16), (17, 32), (24, 32), (128, 128), (129, 256)])
def test_a_word_takes_a_column_of_wordlines_unless_told(rows: int, word: int) -> None:
    """Spelled out, it is the same chip; another one is another chip."""
    plain = Chip.parse(edit(("rows = 16", f"rows = {rows}")))
    assert (plain.memory.word, plain.word) == (None, word)
    told = [
        Chip.parse(edit(("rows = 16", f"rows = {rows}"), ("[memory]", f"[memory]\nword = {w}"))) for w in (word, 64)
    ]
    assert [t.word for t in told] == [word, 64]
    assert told[0].id == plain.id and (told[1].id == plain.id) == (word == 64)


@pytest.mark.parametrize(
    ("device", "codes"),
    [
        (Device(levels=2, code_bits=1), (0, 1)),
        (Device(levels=4, code_bits=4), (0, 5, 10, 15)),
        (Device(levels=3, code_bits=4), (0, 7, 14)),  # uniform comes before the full range
        (Device(levels=4, code_bits=4, on_off_ratio=10), (2, 6, 10, 15)),  # 1.5, 6, 10.5 (to even), 15
        # g = 1 / (10, 7, 4, 1): 25.5 (to even), 36.4, 63.75, 255
        (Device(levels=4, code_bits=8, spacing="resistance", on_off_ratio=10), (26, 36, 64, 255)),
        (Device(levels=3, code_bits=4, spacing="table", table=(1, 2, 4)), (4, 8, 15)),  # 3.75, 7.5, 15
    ],
)
def test_codes_of_levels(device: Device, codes: tuple[int, ...]) -> None:
    assert device.codes == codes


def test_weights_are_all_differences() -> None:
    assert Device(levels=3, code_bits=2).weights == (-2, -1, 0, 1, 2)
    assert Device(levels=3, code_bits=4, spacing="table", table=(1, 2, 4)).weights == (-11, -7, -4, 0, 4, 7, 11)


def test_a_chip_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Adc(bits=6, lanes=4).bits = 7  # type: ignore[misc]


def test_headroom_leaves_codes_above_the_on_level() -> None:
    plain = Device(levels=2, code_bits=8)
    roomy = Device(levels=2, code_bits=8, headroom=1.0)
    assert (plain.codes, roomy.codes, roomy.weights) == ((0, 255), (0, 127), (-127, 0, 127))
    assert Device(levels=4, code_bits=6, headroom=0.5, spacing="resistance", on_off_ratio=20).codes[-1] == 42
    with pytest.raises(ValueError, match="code_bits: 2 bits cannot tell 4 levels apart"):
        Device(levels=4, code_bits=2, headroom=1.0)
    chip = Chip.load("reference-128")
    changed = chip.model_copy(update={"device": roomy})
    assert changed.id != chip.model_copy(update={"device": plain}).id


@pytest.mark.parametrize("table", [Chip, Arrays, Device, Adc, Activation, Memory, Bus])
def test_every_field_is_described(table: type[Chip]) -> None:
    """The chip's reference page is made of these: meaning and unit, then default and range, which the field knows."""
    assert table.__doc__
    for name, field in table.model_fields.items():
        assert field.description and not field.description.endswith("."), name
    for name, told in table.model_json_schema()["properties"].items():
        if told.get("type") in ("integer", "number"):
            assert {"minimum", "maximum"} <= told.keys(), f"{name} has no range"


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"name": ' * 100_000])
def test_a_damaged_chip_json_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "chip.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is not valid JSON .*; give the chip\.json of a program folder") as caught:
        Chip.load(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
