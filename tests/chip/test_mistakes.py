"""The chip file: every mistake at once, in words that help."""

import tomllib

import pytest

from codesign.checked import rules, sound
from codesign.chip.description import Activation, Adc, Arrays, Bus, Chip, Memory, presets
from codesign.chip.device import Device
from codesign.errors import ConfigError
from codesign.flow import Flow
from codesign.resources import presets as files
from tests.chip.edits import edit


def mistakes(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Chip.parse(edit(*changes), "my.toml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("count = 6", "count = 0", "arrays.count: must be at least 1, got 0"),
        ("count = 6", "count = 1025", "arrays.count: must be at most 1024, got 1025"),
        ("rows = 16", "rows = nan", "arrays.rows: must be an integer, got nan"),
        ("columns = 16 ", "columns = 15 ", "arrays.columns: must be a multiple of 2, got 15"),
        ("levels = 4", "levels = 257", "device.levels: must be at most 256, got 257"),
        (
            "levels = 4",
            "levels = 4.5",
            "device.levels: must be an integer, got 4.5",
        ),
        (
            '"conductance"',
            '"linear"',
            "device.spacing: must be 'conductance', 'resistance' or 'table', got 'linear'",
        ),
        ('"conductance"', '"resistance"', 'device.on_off_ratio: required when spacing = "resistance"'),
        ('"conductance"', '"table"', 'device.table: required with spacing = "table", not allowed otherwise'),
        (
            '"conductance"',
            '"conductance"\ntable = [0, 1, 2, 3]',
            'device.table: required with spacing = "table", not allowed otherwise',
        ),
        ('"conductance"', '"table"\ntable = [0, 1, 2]', "device.table: must list 4 conductances (levels), got 3"),
        (
            '"conductance"',
            '"table"\ntable = [0, 1, 1, 2]',
            "device.table: conductances must rise from level to level",
        ),
        (
            '"conductance"',
            '"table"\ntable = [0, 1, -1, 2]',
            "device.table.2: must be at least 0, got -1",
        ),
        (
            '"conductance"',
            '"conductance"\non_off_ratio = 1',
            "device.on_off_ratio: must be more than 1, got 1",
        ),
        (
            "code_bits = 2",
            "code_bits = 1",
            "device.code_bits: 1 bits cannot tell 4 levels apart, codes would be [0, 1, 1, 1], raise code_bits",
        ),
        ("lanes = 4", "lanes = 16", "adc.lanes: must be at most arrays.columns/2 = 8, got 16"),
        ("bytes = 4", "bytes = 17", "bus.stream_bytes: must be at most memory.word = 16, got 17"),
        ("[memory]", "[memory]\nword = 12", "memory.word: must be a power of two, got 12"),
        ("[memory]", "[memory]\nword = 1025", "memory.word: must be at most 1024, got 1025"),
        (
            "activation_words = 8",
            "activation_words = 65536",
            "memory.activation_words: must be at most 65535, got 65536",
        ),
        ('"tiny"', '"Tiny"', "name: must match ^[a-z][a-z0-9-]{0,40}$, got 'Tiny'"),
        ('name = "tiny"', "", "name: missing; it is required"),
        ("bits = 6", "bits = 6\nfoo = 3", "adc.foo: unknown key; known keys: bits, lanes"),
        (
            "[adc]",
            "[zzz]\n[adc]",
            "zzz: unknown key; known keys: activation, adc, arrays, bus, clock_mhz, device, memory, name",
        ),
        ("[adc]", "[adc", "is not TOML (Expected ']' at the end of a table declaration (at line 14, column 5))"),
    ],
)
def test_one_mistake(old: str, new: str, expected: str) -> None:
    assert mistakes((old, new)) == [f"my.toml: {expected}"]


def test_every_mistake_is_reported_at_once() -> None:
    assert mistakes(("count = 6", "count = -1"), ("rows = 16", "rowz = 16"), ("bits = 6", "bits = 13")) == [
        "my.toml: arrays.count: must be at least 1, got -1",
        "my.toml: arrays.rows: missing; it is required",
        "my.toml: arrays.rowz: unknown key; did you mean rows?",
        "my.toml: adc.bits: must be at most 12, got 13",
    ]


def test_parts_that_disagree_are_reported_together() -> None:
    assert mistakes(("[memory]", "[memory]\nword = 2")) == [
        "my.toml: adc.lanes: must be at most memory.word = 2, got 4",
        "my.toml: bus.stream_bytes: must be at most memory.word = 2, got 4",
    ]


def test_neither_lanes_nor_beats_need_divide_the_rows() -> None:
    assert (
        Chip.parse(edit(("rows = 16", "rows = 17"), ("lanes = 4", "lanes = 3"), ("bytes = 4", "bytes = 5"))).word == 32
    )


APART = {  # rules that no chip can break together with those below
    "_groups_have_numbers": (
        [("columns = 16 ", "columns = 514 "), ("lanes = 4", "lanes = 1")],
        "adc.lanes: 257 columns are 257 column groups, an image numbers 256; must be at least 2, got 1",
    ),
    "_activations_have_addresses": (
        [("activation_words = 8", "activation_words = 16385"), ("[memory]", "[memory]\nword = 1024")],
        "memory.activation_words: 16385 words of 1024 activations exceed 16777216; use fewer words",
    ),
}


@pytest.mark.parametrize("rule", APART)
def test_numbers_that_an_image_cannot_hold(rule: str) -> None:
    changes, expected = APART[rule]
    assert mistakes(*changes) == [f"my.toml: {expected}"]
    one_less = [(old, new.replace("514", "512").replace("16385", "16384")) for old, new in changes]
    assert Chip.parse(edit(*one_less))


def test_misspelt_table() -> None:
    assert mistakes(("[adc]", "[adk]")) == [
        "my.toml: adc: missing; it is required",
        "my.toml: adk: unknown key; did you mean adc?",
    ]


def test_no_such_chip() -> None:
    with pytest.raises(ConfigError) as caught:
        Chip.load("refrence")
    assert str(caught.value) == (
        "chip refrence: cannot be read (No such file or directory); "
        "give a .toml file or one of the presets cnn-128, lenet-128, reference-128, tiny; did you mean reference-128?"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"tiny"', '"a\\u001b[31m"', ["name: must be one line without control characters, got 'a\\x1b[31m'"]),
        ('"tiny"', '"""two\nlines"""', ["name: must be one line without control characters, got 'two\\nlines'"]),
        (
            "[bus]",
            '[a]\n"b\\nc" = 1\nd = [1, {e = "\\u202e"}]\n[bus]\n"f\\u2028" = 1',
            [
                "a.b\\nc: a key must be one line without control characters",
                "a.d.1.e: must be one line without control characters, got '\\u202e'",
                "bus.f\\u2028: a key must be one line without control characters",
                "a: unknown key; known keys: activation, adc, arrays, bus, clock_mhz, device, memory, name",
            ],
        ),
    ],
)
def test_no_control_characters_in_a_file(old: str, new: str, expected: list[str]) -> None:
    """The same for flows, studies and questions, and for what --set says: all are read by `validate`."""
    assert mistakes((old, new)) == [f"my.toml: {line}" for line in expected]


# A mistake of every phase: text, fields that are missing, misspelt or impossible, rules within and across tables.
EVERYTHING = """
name = "tiny\\u0007"
[arrays]
count = 0
rows = 16
columns = 16
rowz = 16
[device]
{device}
[adc]
lanes = 9
[memory]
steps = "many"
word = 6
[bus]
stream_bytes = 7
"""
EVERYWHERE = {
    "name: must be one line without control characters, got 'tiny\\x07'",
    "arrays.count: must be at least 1, got 0",
    "arrays.rowz: unknown key; did you mean rows?",
    "adc.bits: missing; it is required",
    "memory.steps: must be an integer, got 'many'",
}
ACROSS = {
    "_converters_have_columns": "adc.lanes: must be at most arrays.columns/2 = 8, got 9",
    "_word_is_a_power_of_two": "memory.word: must be a power of two, got 6",
    "_word_takes_lanes": "adc.lanes: must be at most memory.word = 6, got 9",
    "_word_takes_beats": "bus.stream_bytes: must be at most memory.word = 6, got 7",
}
DEVICES = [  # what [device] holds, mistaken fields, broken rules; no one device can break all
    (
        'levels = 4\nspacing = "conductance"\ntable = [3, 1]\non_off_ratio = 2\nheadroom = -1',
        {
            "device.code_bits: missing; it is required",
            "device.headroom: must be at least 0, got -1",
        },
        {
            "_table_or_formula": 'device.table: required with spacing = "table", not allowed otherwise',
            "_ratio_once": "device.on_off_ratio: the table says it already; remove one of them",
            "_conductance_of_every_level": "device.table: must list 4 conductances (levels), got 2",
            "_conductances_rise": "device.table: conductances must rise from level to level",
        },
    ),
    (
        'levels = 300\nspacing = "resistance"\ncode_bits = 2',
        {"device.levels: must be at most 256, got 300"},
        {"_resistance_of_an_off_cell": 'device.on_off_ratio: required when spacing = "resistance"'},
    ),
    (
        "levels = 4\ncode_bits = 1",
        set(),
        {
            "_levels_differ": "device.code_bits: 1 bits cannot tell 4 levels apart, codes would be [0, 1, 1, 1], "
            "raise code_bits"
        },
    ),
]


@pytest.mark.parametrize(("device", "fields", "within"), DEVICES)
def test_no_mistake_hides_another(device: str, fields: set[str], within: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Chip.parse(EVERYTHING.format(device=device), "c.toml")
    lines = str(caught.value).splitlines()
    assert sorted(lines) == sorted(
        f"c.toml: {line}" for line in (*EVERYWHERE, *fields, *ACROSS.values(), *within.values())
    )


def test_every_rule_is_broken_above() -> None:
    known = [r.__name__ for table in (Chip, Arrays, Device, Adc, Activation, Memory, Bus) for r in rules(table)]
    assert sorted(known) == sorted({**APART, **ACROSS, **{k: v for _, _, within in DEVICES for k, v in within.items()}})


def test_a_mistaken_field_breaks_no_rule() -> None:
    """Neither by its value nor by the default that stands where a file says nothing."""
    told = mistakes(("[memory]", "[memory]\nword = 2"), ("bytes = 4", 'bytes = "4"'), ("lanes = 4", "lanes = 0"))
    assert told == [
        "my.toml: adc.lanes: must be at least 1, got 0",
        "my.toml: bus.stream_bytes: must be an integer, got '4'",
    ]


def test_a_flow_tells_every_mistake_of_its_chip() -> None:
    sets = ["chip.adc.lanes=9", "chip.memory.word=6", "chip.bus.stream_bytes=7"]
    sets += ["chip.device.levels=300", "train.epochs=0"]
    with pytest.raises(ConfigError) as caught:
        Flow.parse('name = "f"\nchip = "tiny"', "f.toml", sets)
    lines = str(caught.value).splitlines()
    assert len(lines) == 6 and {f"f.toml: chip.{line}" for line in ACROSS.values()} <= set(lines)


@pytest.mark.parametrize("name", presets())
def test_what_is_sound_of_a_sound_file_is_all_of_it(name: str) -> None:
    assert sound(Chip, tomllib.loads(files("chips")[name].read_text())) == Chip.load(name)
