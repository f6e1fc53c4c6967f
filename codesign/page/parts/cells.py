"""What the cells hold: the levels of the program, and beside them how a measured die departs from these."""

from itertools import pairwise

import numpy as np

from codesign.mapping import Die, Mapping
from codesign.page.blocks import Section, Table, Text, section, table
from codesign.page.figures import Crossbar, Crossbars
from codesign.page.parts.chip import patches_of
from codesign.page.picture import cells as cells_picture
from codesign.page.picture import css, painted, shades
from codesign.views.floor import floor, with_weights
from codesign.views.held import CLASSES, SHARES, Counts, Held, by_layer, held

KEYS = 9  # levels that a legend lists
# Cells that conduct more and less than their level, from little to much; healthy ones; those in the map at their level.
_ABOVE = ((253, 208, 162), (253, 150, 80), (235, 95, 20), (200, 30, 0))
_BELOW = ((190, 215, 245), (120, 175, 240), (50, 120, 235), (0, 60, 200))
_HEALTHY, _TOLD = (226, 230, 235), (186, 193, 202)
_COLOURS = (*reversed(_BELOW), _HEALTHY, *_ABOVE, _TOLD)


def cells(mapping: Mapping, die: Die | None = None) -> Section | None:
    """The level of every cell of the used arrays; on a die, how far it is off."""
    found = None if die is None else held(mapping, die)
    plan, device = floor(mapping), mapping.chip.device
    arrays = []
    for k, use in enumerate(mapping.arrays):
        used = with_weights(use)
        pictures = [("levels", cells_picture(use.levels, used, device.levels))]
        note = f"{int(used.sum()):,} cells, {100 * np.count_nonzero(use.levels[used]) / used.sum():.0f} % above level 0"
        if found is not None:
            pictures.append(("the die", _departures(found[k])))
            note += f"; {np.count_nonzero(found[k].deviation[used]):,} off their level"
        patches = patches_of(plan, use.array)
        arrays.append(Crossbar(f"array {use.array}", note, 2 * plan.columns, plan.rows, patches, tuple(pictures)))
    colours, count = shades(device.levels), device.levels
    listed = range(count) if count <= KEYS else (0, (count - 1) // 2, count - 1)
    levels = tuple((css(colours[k]), f"level {k}") for k in listed)
    if found is None:
        told = "Levels of the cells, wordline by bitline; cells without weights are left out"
        return section("cells", "Cells", Crossbars(told, tuple(arrays), (levels,), is_large=True))
    return section(
        "cells",
        "Cells",
        Text((_said(by_layer(mapping, found)),)),
        Crossbars(
            "Left: the levels of the program. Right: how the die's cells differ from them. Cells without weights are "
            "left out",
            tuple(arrays),
            (levels, _scale(found)),
            is_large=True,
        ),
        _table(by_layer(mapping, found)),
    )


def _departures(one: Held) -> str:
    """The array as a picture."""
    index = one.classes.astype(np.int64) + CLASSES
    index[one.known & (one.deviation == 0)] = len(_COLOURS) - 1
    return painted(np.where(one.used, index, -1), _COLOURS)


def _scale(arrays: tuple[Held, ...]) -> tuple[tuple[str, str], ...]:
    """Those colours that occur."""
    there = {int(k) for one in arrays for k in np.unique(one.classes[one.used])}
    spans = [f"at most 1/{SHARES[0]}"]
    spans += [f"1/{a} to 1/{b}" for a, b in pairwise(SHARES)] + [f"more than 1/{SHARES[-1]}"]
    found = []
    for k in (*range(-CLASSES, 0), *range(1, CLASSES + 1)):
        if k in there:
            found.append((css(_COLOURS[k + CLASSES]), f"{spans[abs(k) - 1]} {'more' if k > 0 else 'less'}"))
    if any((one.known & (one.deviation == 0))[one.used].any() for one in arrays):
        found.append((css(_TOLD), "in the map, at its level"))
    if any((~one.known)[one.used].any() for one in arrays):
        found.append((css(_HEALTHY), "healthy"))
    return tuple(found)


def _said(counts: tuple[Counts, ...]) -> str:
    every, off = sum(c.cells for c in counts), sum(c.off for c in counts)
    moved = sum(c.higher + c.lower for c in counts)
    return (
        f"Of {every:,} cells with weights, {sum(c.known for c in counts):,} are in the map of the die; {off:,} do not "
        f"hold their level, and {moved:,} of these are nearer to another one. How much more or less a cell conducts is "
        "told as a share of what the highest level does."
    )


def _table(counts: tuple[Counts, ...]) -> Table:
    heads = ("layer", "cells", "in the map", "off their level", "nearer to a higher level", "nearer to a lower level")
    rows = [(c.layer, c.cells, c.known, c.off, c.higher, c.lower) for c in counts]
    return table("die", "Cells with weights on the die", heads, rows, layer=0)
