"""Texts made from the layout and the register map: Verilog headers, the C header, tables of documents, JSON."""

import json
from collections.abc import Iterator

from codesign.chip import layout
from codesign.chip.description import IMAGE_FORMAT, RTL_VERSION, Chip
from codesign.chip.fields import WORD, Codes, Entry, Field
from codesign.chip.registers import ID_VALUE, REGISTERS


def register_verilog() -> str:
    """Text of xb_registers.vh, included by a module: offsets."""
    lines = ["// Register offsets. Generated from codesign.chip.registers; do not edit."]
    lines += [f"localparam [31:0] ID_VALUE = 32'h{ID_VALUE:08x};"]
    lines += [f"localparam [11:0] ADDR_{r.name} = 12'h{r.offset:03x};" for r in REGISTERS]
    return "\n".join(lines) + "\n"


def layout_verilog() -> str:
    """Text of xb_layout.vh: macros, because a module uses only a few and linters report unused constants."""
    lines = [
        "// The bits of descriptors, images and registers. Generated from codesign.chip.layout; do not edit.",
        "//",
        "// Field F of entry E: `XB_E_F its range, to select it; `XB_E_F_LOW its lowest bit, `XB_E_F_SIZE its bits.",
        "// They count from bit 0 of the whole entry, or, where the chip sees a word at a time, from bit 0 of the word",
        "// with number `XB_E_F_WORD; `XB_E_USED_W masks the bits of word W that fields use, if not all. `XB_E_LOG2:",
        "// log2 of the words of an entry. M: words that hold one bit per array. No include guard, because Icarus",
        "// Verilog 11 crashes where a library file (-y) uses a macro with arguments that an earlier file defined.",
        "",
        f"`define XB_MAGIC {WORD}'h{layout.MAGIC:08x}",
    ]
    for codes in layout.CODES:
        lines += ["", f"// {codes.name}"]
        lines += [f"`define XB_{codes.name.upper()}_{c.name.upper()} {codes.bits}'d{c.value}" for c in codes]
    for entry in (*layout.ENTRIES, *layout.REGISTER_BITS):
        lines += ["", f"// {entry.name}", *_macros(entry)]
    return "\n".join(lines) + "\n"


def _macros(entry: Entry) -> Iterator[str]:
    stem = f"`define XB_{entry.name.upper()}"
    for f in entry.fields:
        name = f"{stem}_{f.name.upper()}"
        low = f.low if entry.serial else entry.word * f.word + f.low
        yield f"{name} {low + f.width - 1}:{low}"
        yield f"{name}_LOW {low}"
        yield f"{name}_SIZE {f.width}"
        if entry.serial:
            yield f"{name}_WORD {f.word}"
    for k, m in enumerate(entry.masks):
        yield f"{stem}_{m.name.upper()}_LOW(M) ({WORD} * ({entry.words} + {k} * (M)))"
    if entry.serial:
        yield f"{stem}_WORDS {entry.words}"
        for word in range(entry.words):
            used = entry.used(word)
            if used != (1 << WORD) - 1:
                yield f"{stem}_USED_{word} {WORD}'h{used:08x}"
    elif entry.word != WORD:
        yield f"{stem}_UNIT {entry.word}"
        yield f"{stem}_LOG2(LANES) ($clog2(({entry.word} * (LANES) + {WORD - 1}) / {WORD}))"
    elif entry.masks:
        yield f"{stem}_LOG2(M) ($clog2({entry.words} + {len(entry.masks)} * (M)))"
    else:
        yield f"{stem}_LOG2 ($clog2({entry.words}))"


def c_header() -> str:
    """Text of the firmware header: registers, codes and descriptor fields; bit positions, widths, masks."""
    lines = [
        "/* Registers and image format of a codesign chip. Generated; do not edit. */",
        "#ifndef CODESIGN_REGS_H",
        "#define CODESIGN_REGS_H",
        f"#define CODESIGN_ID_VALUE 0x{ID_VALUE:08x}u",
    ]
    for r in REGISTERS:
        lines.append(f"#define CODESIGN_{r.name} 0x{r.offset:03x}u /* {r.access}: {r.meaning} */")
        for f in r.fields:
            lines += _bits(f"CODESIGN_{r.name}__{f.name}", f)
    lines += ["", "/* Values in registers and images. */", f"#define CODESIGN_MAGIC 0x{layout.MAGIC:08x}u"]
    lines += [f"#define CODESIGN_FORMAT 0x{IMAGE_FORMAT:08x}u", f"#define CODESIGN_MAP_VERSION 0x{RTL_VERSION:08x}u"]
    for codes in layout.CODES:
        for c in codes:
            lines.append(f"#define CODESIGN_{codes.name.upper()}_{c.name.upper()} {c.value}u /* {c.meaning} */")
    lines += [
        "",
        "/* Entries of an image: word (_w) and bits of that word; of a constant, bits of its 48-bit lane. */",
    ]
    for entry in layout.ENTRIES:
        for f in entry.fields:
            stem = f"CODESIGN_{entry.name.upper()}__{f.name.upper()}"
            lines += [f"#define {stem}_w {f.word}", *_bits(stem, f)]
    return "\n".join([*lines, "#endif"]) + "\n"


def _bits(stem: str, f: Field) -> list[str]:
    found = [f"#define {stem}_bp {f.low}", f"#define {stem}_bw {f.width}"]
    return found + ([f"#define {stem}_bm 0x{f.bits:x}u"] if f.bits < 1 << WORD else [])


def register_table() -> str:
    """The register table of the documentation."""
    rows = ["| offset | name | access | meaning |", "|---|---|---|---|"]
    for r in REGISTERS:
        rows.append(f"| 0x{r.offset:03x} | {r.name} | {r.access} | {_cell(r.meaning)} |")
        rows += [f"| | {r.name}[{_place(f)}] | | {f.name}: {f.meaning} |" for f in r.fields]
    return "\n".join(rows) + "\n"


def entry_table(entry: Entry) -> str:
    """The fields of an entry, for a document."""
    rows = ["| word | bits | field | meaning |", "|---|---|---|---|"]
    for f in sorted(entry.fields, key=lambda f: (f.word, f.low)):
        sign = "; signed" if f.signed else ""
        less = f" - {f.less}" if f.less else ""
        rows.append(f"| {f.word} | {_place(f)} | `{f.name}`{less} | {_cell(f.meaning)}{sign} |")
    for k, m in enumerate(entry.masks):
        after = ("", " + M")[k] if k < 2 else f" + {k}M"
        rows.append(f"| {entry.words}{after} ... | M words | `{m.name}` | {m.meaning} |")
    return "\n".join(rows) + "\n"


def kind_table() -> str:
    """Section kinds and the words of their entries, for a document."""
    step, load, tile = layout.STEP, layout.LOAD, layout.TILE
    words = {
        "program": "1",
        "steps": f"S = 2^ceil(log2({step.words} + {len(step.masks)}M))",
        "loads": f"L = 2^ceil(log2({load.words} + M))",
        "tiles": f"{tile.words}",
        "constants": f"C = 2^ceil(log2(ceil({layout.CONSTANT.word} * lanes / {WORD})))",
        "cells": f"ceil(columns * level_bits / {WORD}) per wordline",
        "trims": "1",
        "walks": f"{layout.WALK.words}",
    }
    rows = ["| kind | memory | words per entry |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| {c.value} {c.name} | {c.meaning} | {words[c.name]} |" for c in layout.KINDS)]) + "\n"


def code_table(codes: Codes) -> str:
    """Numbers and what they mean, for a document."""
    rows = [f"| {codes.name} | name | meaning |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| {c.value} | {c.name} | {c.meaning} |" for c in codes)]) + "\n"


def layout_json() -> str:
    """Everything that existing chips and images depend on, without meanings. Text of tests/golden/layout.json.

    `python -m codesign.chip.texts` prints it.
    """
    found = {
        "version": f"0x{RTL_VERSION:08x}",
        "format": f"0x{IMAGE_FORMAT:08x}",
        "magic": f"0x{layout.MAGIC:08x}",
        "id": f"0x{ID_VALUE:08x}",
        "entries": {
            e.name: {
                "word_bits": e.word,
                "fields": {
                    f.name: f"word {f.word} [{f.range}]" + " signed" * f.signed + (f" - {f.less}" if f.less else "")
                    for f in e.fields
                },
                "masks": [m.name for m in e.masks],
            }
            for e in layout.ENTRIES
        },
        "registers": {
            r.name: {
                "offset": f"0x{r.offset:03x}",
                "access": r.access,
                "fields": {f.name: f"[{f.range}]" for f in r.fields},
            }
            for r in REGISTERS
        },
        **{codes.name: {c.name: c.value for c in codes} for codes in layout.CODES},
        "words_per_entry": {name: vars(layout.Layout.of(Chip.load(name))) for name in ("tiny", "reference-128")},
    }
    return json.dumps(found, indent=1) + "\n"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|")


def _place(f: Field) -> str:
    return str(f.low) if f.width == 1 else f.range


if __name__ == "__main__":
    print(layout_json(), end="")
