"""The chip's bits do not move: chips and images that are already made depend on them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from codesign.chip import layout, texts
from codesign.chip.description import Chip
from codesign.chip.fields import Codes
from codesign.chip.layout import CONSTANT, LOAD, STEP, TILE, Layout
from codesign.fixed import clog2
from tests.tools import needs

GOLDEN = Path(__file__).parent.parent / "golden" / "layout.json"
REFRESH = "python -m codesign.chip.texts > tests/golden/layout.json"


def judge(golden: str, now: str) -> str:
    """What to do about a layout that is not the golden one; "" if it is."""
    if golden == now:
        return ""
    before, after = json.loads(golden)["version"], json.loads(now)["version"]
    if before != after:
        return f"the version was raised from {before} to {after}: look at the difference, then run: {REFRESH}"
    return (
        f"the layout of version {before} changed: chips and images that are already made hold other bits; raise "
        f"RTL_VERSION (and IMAGE_FORMAT, for entries) in codesign/chip/description.py, then run: {REFRESH}"
    )


def test_the_layout_is_golden() -> None:
    assert judge(GOLDEN.read_text(), texts.layout_json()) == "", judge(GOLDEN.read_text(), texts.layout_json())


def test_a_moved_field_asks_for_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moved in the one table, encoder, decoder, Verilog and documents follow, and every other test passes."""
    moved = replace(STEP, fields=tuple(replace(f, low=17) if f.name == "shift" else f for f in STEP.fields))
    monkeypatch.setattr(layout, "ENTRIES", tuple(moved if e is STEP else e for e in layout.ENTRIES))
    told = judge(GOLDEN.read_text(), texts.layout_json())
    assert told.startswith("the layout of version 0x00020001 changed: ")
    assert "raise RTL_VERSION (and IMAGE_FORMAT, for entries) in codesign/chip/description.py, then run: " in told
    assert told.endswith("run: python -m codesign.chip.texts > tests/golden/layout.json")
    monkeypatch.setattr(texts, "RTL_VERSION", 0x20002)
    assert judge(GOLDEN.read_text(), texts.layout_json()).startswith("the version was raised from 0x00020001 to ")


@pytest.mark.parametrize("code", layout.CODES, ids=lambda c: c.name)
def test_codes_fit_the_fields_that_hold_them(code: Codes) -> None:
    held = {
        "kind": layout.SECTION.field("kind"),
        "op": TILE.field("op"),
        "state": layout.STATUS.field("IMAGE_STATE"),
        "reason": layout.STATUS.field("IMAGE_REASON"),
    }
    assert held[code.name].width == code.bits


@needs("iverilog")
def test_the_macros_give_the_words_of_an_entry(tmp_path: Path) -> None:
    tiny = Chip.load("tiny")
    shapes = [(a, n) for a in (1, 32, 33, 64, 65, 1024) for n in (1, 2, 3, 4, 8, 256)]
    says, want = [], []
    for arrays, lanes in shapes:
        count, adc = tiny.arrays.model_copy(update={"count": arrays}), tiny.adc.model_copy(update={"lanes": lanes})
        sizes = Layout.of(tiny.model_copy(update={"arrays": count, "adc": adc}))
        m = sizes.mask
        macros = f"`XB_STEP_LOG2({m}), `XB_LOAD_LOG2({m}), `XB_TILE_LOG2, `XB_CONSTANT_LOG2({lanes})"
        says.append(f'$display("%0d %0d %0d %0d", {macros});')
        want.append([clog2(n) for n in (sizes.step, sizes.load, sizes.tile, sizes.constant)])
        assert sizes.step >= STEP.size(m) and sizes.load >= LOAD.size(m) and sizes.tile >= TILE.size()
        assert sizes.constant * 32 >= lanes * CONSTANT.word
    (tmp_path / "xb_layout.vh").write_text(texts.layout_verilog())
    body = "\n".join(says)
    (tmp_path / "t.v").write_text(f'`include "xb_layout.vh"\nmodule t;\ninitial begin\n{body}\nend\nendmodule\n')
    subprocess.run(["iverilog", "-g2005", "-Wall", "-I.", "-o", "t.vvp", "t.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "t.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert [[int(v) for v in line.split()] for line in done.stdout.splitlines()] == want


@needs("cc")
def test_the_c_header_compiles_and_decodes_a_step(tmp_path: Path) -> None:
    values = {f.name: 3 + k for k, f in enumerate(STEP.fields)} | dict.fromkeys(("input_signed", "releases_input"), 1)
    narrow = {f.name: 1 << f.width - 1 for f in STEP.fields if f.width < 5}
    record = STEP.record(**values | narrow | {"input_bits": 5, "enabled": (), "linked": ()})
    words = STEP.encode(record)
    fields = [f for f in STEP.fields if not f.signed]
    stems = [f"CODESIGN_STEP__{f.name.upper()}" for f in fields]
    lines = [f'printf("%u\\n", (words[{s}_w] & {s}_bm) >> {s}_bp);' for s in stems]
    (tmp_path / "regs.h").write_text(texts.c_header())
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "regs.h"\n#include "regs.h"\nint main(void) {\n'
        f"unsigned words[] = {{{', '.join(f'{w}u' for w in words)}}};\n" + "\n".join(lines) + "\n"
        "return CODESIGN_KIND_STEPS == 2u && CODESIGN_MAGIC == 0x4d494258u ? 0 : 1;}\n"
    )
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert [int(v) for v in done.stdout.split()] == [record[f.name] - f.less for f in fields]
