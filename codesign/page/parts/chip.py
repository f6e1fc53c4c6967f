"""The chip: what a program takes of it, and where the layers lie in its arrays."""

from codesign.brief import counted, runs
from codesign.mapping import Mapping, usage
from codesign.mapping.capacity import needs
from codesign.page.blocks import Column, Section, Text, section, table
from codesign.page.figures import Bar, Bars, Crossbar, Crossbars, Layers, Patch, Segment
from codesign.views.floor import Floor, floor

EMPTY = 64  # arrays of a chip beyond which empty ones are not drawn


def budget(mapping: Mapping) -> Section | None:
    """What the program takes of every resource."""
    chip = mapping.chip
    uses = {"arrays": (len(mapping.arrays), chip.arrays.count), **needs(mapping.plan)}
    uses["memory.activation_words"] = (mapping.plan.activation_words, chip.memory.activation_words)
    bars, rows = [], []
    for key, (used, has) in uses.items():
        share, text = 100 * used / has, f"{used:,} of {has:,}"
        bars.append(Bar(key, text, (Segment(0, share, f"{key}: {text}, {share:.1f} %", 0),)))
        rows.append((key, used, has, share))
    sizes = [(key, str(value)) for key, value in flat(chip.model_dump(mode="json", exclude_none=True))]
    return section(
        "chip",
        "Chip and budget",
        Bars("Of what the chip has, the program takes", tuple(bars)),
        table(
            "budget",
            "Budget, by the chip file's keys",
            ("resource", "used", "available", Column("percent", 1)),
            rows,
            is_folded=True,
        ),
        table(
            "chip",
            f"Chip {chip.name}, id 0x{chip.id:08x}",
            ("key", Column("value", is_text=True)),
            sizes,
            is_folded=True,
        ),
    )


def flat(content: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Nested tables as dotted keys."""
    found: list[tuple[str, object]] = []
    for key, value in content.items():
        found += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return found


def floorplan(mapping: Mapping) -> Section | None:
    """Where every layer lies."""
    plan = floor(mapping)
    draws_all = len(plan.squares) <= EMPTY
    arrays = tuple(
        Crossbar(f"{s.array}", _holds(s.share, [p.layer for p in s.pieces]), 2 * plan.columns, plan.rows, patches)
        for s in plan.squares
        for patches in [patches_of(plan, s.array)]
        if patches or draws_all
    )
    empty = len(plan.squares) - plan.used
    left = f"; {empty:,} {'is' if empty == 1 else 'are'} empty" if empty else ""
    said = (
        f"{counted(plan.used, 'array')} of {len(plan.squares):,} hold weights, in {100 * plan.share:.1f} % of their "
        f"cells{left}. Wordlines run across, bitlines down; two bitlines are a "
        "signed column. Higher slices of a weight are hatched."
    )
    taken = usage(mapping.plan)
    rows = [
        (
            u.layer,
            f"{u.inputs} x {u.outputs}",
            u.slices,
            runs(u.arrays),
            u.cells,
            u.columns,
            u.left,
            u.further,
            u.cycles,
        )
        for u in taken
    ]
    heads = ("layer", Column("matrix", is_text=True), "slices", Column("arrays", is_text=True), "cells", "columns")
    return section(
        "floorplan",
        "Floorplan",
        Layers(plan.layers),
        Text((said,)),
        Crossbars("Arrays of the chip, in the order of the tall matrix", arrays),
        table(
            "layers",
            "What each layer takes; columns are signed",
            (*heads, "columns left", "slices more that fit", "converter cycles"),
            rows,
            layer=0,
        ),
    )


def patches_of(plan: Floor, array: int) -> tuple[Patch, ...]:
    """The rectangles of layers in an array."""
    return tuple(
        Patch(2 * p.at, p.wordline, 2 * p.columns, p.rows, p.told, p.layer, plan.layers.index(p.layer), bool(p.slice))
        for p in plan.squares[array].pieces
    )


def _holds(share: float, layers: list[str]) -> str:
    """How full an array is, and of what."""
    names = list(dict.fromkeys(layers))
    what = ", ".join(names) if len(names) <= 2 else f"{len(names)} layers"
    return f"· {100 * share:.0f} % {what}" if layers else "· empty"
