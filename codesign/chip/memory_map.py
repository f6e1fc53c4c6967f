"""What firmware can reach of a chip, as a table of its own sizes: registers, memories of an image, streams."""

from codesign.chip import layout
from codesign.chip.description import Chip
from codesign.chip.layout import PEEK, PROGRAM_ENTRY, WALK, Layout
from codesign.chip.registers import REGISTERS


def memory_map(chip: Chip) -> str:
    """The memory map of a chip, for a document."""
    sizes, memory, arrays = Layout.of(chip), chip.memory, chip.arrays
    entries = {
        "program": (1, PROGRAM_ENTRY.words),
        "steps": (memory.steps, sizes.step),
        "loads": (memory.loads, sizes.load),
        "tiles": (memory.tiles, sizes.tile),
        "constants": (memory.constants, sizes.constant),
        "cells": (arrays.rows, sizes.row),
        "trims": (chip.columns, layout.OFFSET.words),
        "walks": (memory.walks, WALK.words),
    }
    rows = ["| what | where | holds |", "|---|---|---|"]
    rows += [f"| {r.name} | offset 0x{r.offset:03x} ({r.access}) | 32 bits |" for r in REGISTERS]
    for code in layout.KINDS:
        count, words = entries[code.name]
        each = f", in each of {arrays.count} arrays" if code.name in ("cells", "trims") else ""
        told = f"{count:,} x {words} words" if count > 1 else f"{words} words"
        rows.append(f"| {code.name} | sections of kind {code.value} | {told}{each} |")
    activations = memory.activation_words * chip.word
    read = min(PEEK, chip.word)
    rows.append(f"| activation memory | ACTIVATION_ADDRESS 0 to {activations - 1:,} | {read} activations a read |")
    inputs = memory.input_words * chip.word
    rows.append(f"| input stream | `s_axis` | {chip.bus.stream_bytes} bytes a beat, images of up to {inputs:,} |")
    rows.append("| output stream | `m_axis` | one 32-bit word a beat |")
    return "\n".join(rows) + "\n"
