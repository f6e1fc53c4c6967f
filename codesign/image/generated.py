"""Files of the checkout that are generated from code; `python -m codesign.image.generated` writes them again."""

import re
from pathlib import Path

from codesign.chip import layout
from codesign.chip.description import Chip
from codesign.chip.memory_map import memory_map
from codesign.chip.texts import (
    code_table,
    entry_table,
    kind_table,
    layout_verilog,
    register_table,
    register_verilog,
)
from codesign.image.manifest import json_schema

FORMAT = "docs/image.md"
BRINGUP = "docs/bringup.md"
SHOWN = "reference-128"  # the chip whose memory map the page shows
_BLOCK = re.compile(r"(<!-- made from [\w./-]+: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def texts(root: Path) -> dict[str, str]:
    """Contents by path in the checkout `root`. A test keeps the files equal to them."""
    return {
        "hdl_templates/generated/xb_layout.vh": layout_verilog(),
        "hdl_templates/generated/xb_registers.vh": register_verilog(),
        "docs/registers.md": "# Registers\n\nGenerated from `codesign/chip/registers.py`.\n\n" + register_table(),
        "docs/image-manifest.schema.json": json_schema(),
        **{name: with_tables((root / name).read_text(encoding="utf-8")) for name in (FORMAT, BRINGUP)},
    }


def tables() -> dict[str, str]:
    """The tables of documents, by the name in their marker."""
    return {e.name: entry_table(e) for e in layout.ENTRIES} | {
        "kinds": kind_table(),
        "ops": code_table(layout.OPS),
        "reasons": code_table(layout.REASONS),
        "memory_map": memory_map(Chip.load(SHOWN)),
    }


def with_tables(text: str) -> str:
    """The text with each table between its markers made anew. Raises KeyError for a marker that names none."""
    found = tables()
    return _BLOCK.sub(lambda m: m[1] + "\n" + found[m[2]] + "\n" + m[3], text)


if __name__ == "__main__":
    for name, content in texts(Path()).items():
        Path(name).write_text(content, encoding="utf-8")
