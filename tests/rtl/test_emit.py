"""What a chip's build folder holds."""

import subprocess
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.chip.registers import REGISTERS
from codesign.chip.texts import layout_verilog, register_verilog
from codesign.fixed import clog2
from codesign.image.words import limits
from codesign.rtl import emit, plan
from codesign.rtl.library import CHECKS, HEADERS, INNER, MODELS, SYNTHESIZABLE, text
from tests.tools import needs

GOLDEN = Path(__file__).parent.parent / "golden"
CHIPS = [Chip.load("tiny"), Chip.load("reference-128")]


@pytest.mark.parametrize("chip", CHIPS, ids=lambda c: c.name)
def test_same_chip_same_text(chip: Chip) -> None:
    again = Chip.model_validate_json(chip.model_dump_json())
    assert emit(chip) == emit(again)
    assert list(emit(chip)) == list(emit(again))


@pytest.mark.parametrize("chip", CHIPS, ids=lambda c: c.name)
def test_every_file_is_clean_text(chip: Chip) -> None:
    for name, content in emit(chip).items():
        assert content.endswith("\n") and not content.endswith("\n\n"), name
        assert "\r" not in content and "\t" not in content, name
        assert not any(line.endswith(" ") for line in content.splitlines()), name


def test_parameters_of_tiny_are_golden() -> None:
    """A change here changes every chip's Verilog: look at it, then write it to the golden file."""
    assert emit(CHIPS[0])["tiny_top_params.vh"] == (GOLDEN / "tiny_top_params.vh").read_text()


@pytest.mark.parametrize("chip", CHIPS, ids=lambda c: c.name)
def test_file_lists_are_complete(chip: Chip) -> None:
    files, top = emit(chip), plan(chip).module
    lists = {name: files[name].split() for name in (f"{top}.f", f"{top}_sim.f")}
    for name, lines in lists.items():
        assert lines[0] == "+incdir+."
        assert len(set(lines)) == len(lines)
        assert set(lines[1:]) <= set(files), f"{name} lists what is not there"
        anywhere = files[name.replace(".f", "_any.f")].split()
        assert anywhere == ["+incdir+$(CODESIGN_RTL)", *(f"$(CODESIGN_RTL)/{line}" for line in lines[1:])]
    assert {n for n in files if n.endswith(".f")} == {n for f in lists for n in (f, f.replace(".f", "_any.f"))}
    synthesis, simulation = (set(lines[1:]) for lines in lists.values())
    shared = {*(f"{m}.v" for m in SYNTHESIZABLE), f"{top}.v"}
    assert synthesis == shared | {f"stub/{m}.v" for m in MODELS}
    assert simulation == shared | {f"model/{m}.v" for m in (*INNER, *MODELS, *CHECKS)} | {f"sim/{top}_sim.v"}
    assert {n for n in files if n.endswith(".v")} == synthesis | simulation, "a source that no list names"
    assert {n for n in files if n.endswith(".vh")} == {*HEADERS, f"{top}_params.vh"}


@needs("iverilog")
@needs("verilator")
def test_commands_of_the_readme_work_in_any_folder(tmp_path: Path) -> None:
    """Each line of its block, with FOLDER a folder elsewhere; both tools must then find every file."""
    files = emit(CHIPS[0])
    for name, content in files.items():
        path = tmp_path / "chips" / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    block = files["README.md"].split("```")[1].removeprefix("sh\n")
    here, elsewhere = block.split("\n", 1)
    assert "_any.f" in elsewhere and "-F FOLDER" in elsewhere and "-f FOLDER" in elsewhere and "_any" not in here
    for command, cwd in ((here, "chips/tiny"), (elsewhere, "."), (elsewhere.replace("tiny_top", "tiny_top_sim"), ".")):
        text = command.replace("FOLDER", "chips/tiny").replace("--lint-only", "--lint-only --timing -Wno-fatal")
        done = subprocess.run(["sh", "-ec", text], cwd=tmp_path / cwd, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), f"{text}: {done.stderr}"
        assert (tmp_path / cwd / "chip.vvp").stat().st_size > 100_000


def test_templates_are_emitted_unchanged() -> None:
    files = emit(CHIPS[0])
    for module in SYNTHESIZABLE:
        assert files[f"{module}.v"] == text(f"{module}.v")


def test_register_offsets_of_the_verilog_are_those_of_python() -> None:
    assert text("xb_registers.vh") == register_verilog() == emit(CHIPS[0])["xb_registers.vh"]
    assert text("xb_layout.vh") == layout_verilog() == emit(CHIPS[0])["xb_layout.vh"]
    assert all(f"ADDR_{r.name} = 12'h{r.offset:03x};" in register_verilog() for r in REGISTERS)


def test_firmware_header_has_every_register() -> None:
    header = emit(CHIPS[0])["tiny_regs.h"]
    assert all(f"#define CODESIGN_{r.name} 0x{r.offset:03x}u" in header for r in REGISTERS)


def test_write_address_reaches_every_memory() -> None:
    """20 bits are enough for usual chips; more only where a memory is larger."""
    assert {plan(c).parameters["WRITE_BITS"] for c in CHIPS} == {20}
    memory = CHIPS[0].memory.model_copy(update={"constants": 65536, "loads": 65536})
    large = CHIPS[0].model_copy(update={"memory": memory})
    assert plan(large).parameters["WRITE_BITS"] == 20
    wide = large.model_copy(
        update={
            "arrays": large.arrays.model_copy(update={"rows": 64, "columns": 128}),
            "adc": large.adc.model_copy(update={"lanes": 64}),
        }
    )
    p = plan(wide)
    assert p.parameters["WRITE_BITS"] == p.array["WRITE_BITS"] == clog2(max(limits(wide).values())) == 23
