"""Files of the checkout that are made from code; `python -m codesign.image.generated` writes them again."""

from pathlib import Path

from codesign.chip.texts import register_table, register_verilog
from codesign.image.manifest import json_schema


def texts() -> dict[str, str]:
    """Contents by path in the checkout. A test keeps the files equal to them."""
    return {
        "hdl_templates/generated/xb_registers.vh": register_verilog(),
        "docs/registers.md": "# Registers\n\nMade from `codesign/chip/registers.py`.\n\n" + register_table(),
        "docs/image-manifest.schema.json": json_schema(),
    }


if __name__ == "__main__":
    for name, text in texts().items():
        Path(name).write_text(text, encoding="utf-8")
