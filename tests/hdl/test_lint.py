"""Every Verilog file: silent in two linters, one module, a header that says what it promises."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.rtl import emit, plan
from codesign.rtl.library import ROOMS, folder, place, text
from tests.hdl.geometries import odd_chips
from tests.tools import needs

FILES = sorted(str(p.relative_to(folder())) for p in folder().rglob("*.v"))
CHIPS = [Chip.load("tiny"), Chip.load("reference-128"), *odd_chips()]
LANGUAGES = {"1364-2005": "-g2005", "1800-2017": "-g2012"}  # of Verilator: of Icarus; many tools know only the later
# Verilator takes a module that instantiates itself only below another one.
LINT_TOP = {"xb_scan": "xb_reduce"}

QUICK = ("tiny", "smallest")  # chips that are linted in both languages by default
LATER = pytest.param("1800-2017", marks=pytest.mark.slow)  # of files alone: test_linters_are_silent_on_whole_chips

verilator = needs("verilator")
iverilog = needs("iverilog")


def lint(*command: str, cwd: Path) -> str:
    """What a linter says; it must end well when it says nothing."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    said = (done.stdout + done.stderr).strip()
    assert said or done.returncode == 0
    return said


def icarus(name: str, parameters: Mapping[str, int] | None = None, language: str = "1364-2005") -> str:
    """Elaborate one template alone; modules below it are found by name."""
    top, generation = Path(name).stem, LANGUAGES[language]
    values = [f"-P{top}.{k}={v}" for k, v in (parameters or {}).items()]
    rooms = [f"-y{room}" for room in ROOMS]
    path = place(name).relative_to(folder())
    command = ("iverilog", generation, "-Wall", "-tnull", "-Igenerated", *rooms, "-s", top, *values, str(path))
    return lint(*command, cwd=folder())


def unpack(chip: Chip, into: Path) -> None:
    """Write a chip's files."""
    for name, content in emit(chip).items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_text(content)


def whole(top: str, listed: str, language: str, cwd: Path) -> tuple[str, str]:
    """What Verilator and Icarus say about `top`, made of the sources that `listed` names."""
    sources = [line for line in (cwd / listed).read_text().split() if not line.startswith("+")]
    options = ("--lint-only", "-Wall", "--timing", "--default-language", language)
    said = lint("verilator", *options, "--top-module", top, "-f", listed, cwd=cwd)
    return said, lint("iverilog", LANGUAGES[language], "-Wall", "-tnull", "-s", top, "-I.", *sources, cwd=cwd)


@iverilog
@pytest.mark.parametrize("language", ["1364-2005", LATER])
@pytest.mark.parametrize("name", FILES)
def test_icarus_is_silent_on_each_file(name: str, language: str) -> None:
    assert icarus(name, language=language) == ""


@verilator
@pytest.mark.parametrize("language", ["1364-2005", LATER])
@pytest.mark.parametrize("name", [n for n in FILES if "stub/" not in n])
def test_verilator_is_silent_on_each_file(name: str, language: str) -> None:
    top = LINT_TOP.get(Path(name).stem, Path(name).stem)
    path = str(Path(name).with_name(f"{top}.v"))
    rooms = [option for room in ROOMS for option in ("-y", room)]
    options = ("--lint-only", "-Wall", "--default-language", language, "+incdir+generated", *rooms)
    assert lint("verilator", *options, "--top-module", top, path, cwd=folder()) == ""


@verilator
@iverilog
@pytest.mark.parametrize(
    ("chip", "language"),
    [
        pytest.param(c, n, marks=pytest.mark.slow if n != "1364-2005" and c.name not in QUICK else ())
        for c in CHIPS
        for n in LANGUAGES
    ],
    ids=lambda x: x if isinstance(x, str) else x.name,
)
def test_linters_are_silent_on_whole_chips(chip: Chip, language: str, tmp_path: Path) -> None:
    """For synthesis with the macro's black box and, where macros are few, for simulation with its model."""
    unpack(chip, tmp_path)
    top = plan(chip).module
    assert whole(top, f"{top}.f", language, tmp_path) == ("", "")
    if chip.arrays.count <= 6:  # Verilator goes through each macro anew
        assert whole(f"{top}_sim", f"{top}_sim.f", language, tmp_path) == ("", "")


@verilator
@iverilog
def test_linters_are_listened_to(tmp_path: Path) -> None:
    """A fault in a top is told: a guard against a lint that says nothing at all."""
    chip = CHIPS[0]
    unpack(chip, tmp_path)
    top = plan(chip).module
    path = tmp_path / f"{top}.v"
    path.write_text(path.read_text().replace("wire [31:0] write_data;", "wire [30:0] write_data;"))
    for name in (top, f"{top}_sim"):
        by_verilator, by_icarus = whole(name, f"{name}.f", "1364-2005", tmp_path)
        assert "WIDTH" in by_verilator and "write_data" in by_icarus


@iverilog
@pytest.mark.parametrize(
    ("module", "parameters", "missing"),
    [
        ("xb_core", {"LANES": 17}, "WORD_must_hold_LANES"),
        ("xb_core", {"STREAM_BYTES": 17}, "WORD_must_hold_STREAM_BYTES"),
        ("xb_core", {"WORD": 12}, "WORD_must_be_2_to_WORD_BITS"),
        ("xb_core", {"BITS": 9}, "BITS_must_be_1_to_8"),
        ("xb_core", {"ADC_BITS": 20}, "ADC_BITS_ARRAYS_and_BITS_need_more_than_31_bits"),
        ("xb_chip", {"WORD": 2}, "WORD_must_hold_LANES"),
        ("xb_chip", {"WRITE_BITS": 8}, "WRITE_BITS_must_address_every_memory"),
        ("xb_loader", {"CELL_WORDS": (1 << 20) + 1}, "WRITE_BITS_must_address_every_memory"),
        ("xb_table", {"DEPTH": 17}, "ADDRESS_BITS_must_address_DEPTH"),
        ("xb_memory", {"DEPTH": 9}, "ADDRESS_BITS_must_address_DEPTH_words"),
        ("xb_memory", {"DEPTH": 1}, "ADDRESS_BITS_must_address_DEPTH_words"),
        ("xb_memory", {"COUNT": 17}, "WORD_must_be_2_to_WORD_BITS_and_hold_COUNT"),
        ("xb_window", {"WORD": 12}, "WORD_must_be_2_to_WORD_BITS"),
    ],
)
def test_illegal_parameters_stop_elaboration(module: str, parameters: dict[str, int], missing: str) -> None:
    said = icarus(f"{module}.v", parameters)
    assert f"Unknown module type: {missing}" in said and "error(s) during elaboration" in said


@pytest.mark.parametrize("name", FILES)
def test_header_and_shape(name: str) -> None:
    module, content = Path(name).stem, text(name)
    lines = content.splitlines()
    assert lines[0].startswith(f"// {module} - ") and lines[0].endswith(".")
    header = [line for line in lines[: lines.index("`default_nettype none")] if line]
    assert all(line.startswith("//") for line in header)
    assert any(line.startswith("// Python twin: codesign.") for line in header), "the header names no Python twin"
    assert re.findall(r"^module (\w+)", content, re.M) == [module]
    assert lines[-1] == "`default_nettype wire" and content.endswith("\n")
    assert "\t" not in content and not re.search(r" +$", content, re.M)
    assert max(map(len, lines)) <= 120


LITERAL = re.compile(r"(?:_entry|\bs_data|\bdata|\bread_data|\btrim\[[^]]*\]|\bconstants)\[[^]`]*\b\d+\b[^]`]*\]")
ENTRIES = ("core/xb_front", "core/xb_back", "core/xb_requant", "bus/", "model/xb_array")  # files that take them apart


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith(ENTRIES)])
def test_no_bits_of_descriptors_by_number(name: str) -> None:
    """What comes from a table, the image or a register is taken apart with the names of xb_layout.vh."""
    assert [line for line in text(name).splitlines() if LITERAL.search(line)] == []


@pytest.mark.parametrize(
    "line", ["load_entry[63:48]", "drain_entry[5]", "s_data[31:24]", "constants[i*48 +: 16]", "trim[0][7:0]", "data[0]"]
)
def test_a_number_would_be_seen(line: str) -> None:
    assert LITERAL.search(line)
    assert not LITERAL.search(line.replace(line[line.rindex("[") :], "[`XB_STEP_SHIFT_LOW +: 5]"))


@pytest.mark.parametrize("name", FILES)
def test_every_waiver_has_its_reason(name: str) -> None:
    lines = text(name).splitlines()
    for number, line in enumerate(lines):
        if "lint_off" in line:
            beside = line.split("*/", 1)[1].strip()
            above = next(x.strip() for x in reversed(lines[:number]) if "lint_off" not in x or "//" in x)
            assert beside.startswith("//") or above.startswith("//") or "*/ //" in above, f"line {number + 1}: {line}"
            warning = line.split("lint_off", 1)[1].split()[0]
            assert any(f"lint_on {warning}" in x for x in lines[number:]), f"{warning} is never switched on again"


@pytest.mark.parametrize("name", FILES)
def test_python_twin_exists(name: str) -> None:
    line = next(x for x in text(name).splitlines() if x.startswith("// Python twin:"))
    for twin in re.findall(r"codesign(?:\.\w+)+", line):
        assert exists(twin), f"{name} names {twin}"


@pytest.mark.parametrize("name", FILES)
def test_the_table_of_modules_names_the_same_twin(name: str) -> None:
    line = next(x for x in text(name).splitlines() if x.startswith("// Python twin:"))
    rows = [r.split(" | ") for r in text("README.md").splitlines() if r.startswith(f"| `{name.removesuffix('.v')}` |")]
    assert len(rows) == 1, f"hdl_templates/README.md: needs one row for {name}"
    assert rows[0][-1].removesuffix(" |").replace("`", "") == line.removeprefix("// Python twin: ")


def test_the_table_of_modules_names_no_other_file() -> None:
    named = re.findall(r"^\| `([\w/]+/xb_\w+)` \|", text("README.md"), re.MULTILINE)
    assert sorted(f"{n}.v" for n in named) == FILES


def exists(dotted: str) -> bool:
    """Whether a module, or a name in one, is there."""
    import importlib

    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False
