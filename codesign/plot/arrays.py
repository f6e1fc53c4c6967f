"""Arrays: where layers lie, and what cells hold."""

import math
from typing import TYPE_CHECKING

import numpy as np

from codesign.errors import InputError
from codesign.mapping import Die, Mapping
from codesign.plot.style import colour, figure, mapped
from codesign.program import Program
from codesign.views.floor import floor, with_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def floorplan(program: Program | Mapping, across: int = 8) -> "Figure":
    """The used arrays, `across` in a row, with the rectangles of the layers; higher slices are hatched."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    found = floor(mapped(program))
    squares = [s for s in found.squares if s.pieces]
    columns = min(across, len(squares))
    rows = math.ceil(len(squares) / columns)
    made = Figure(figsize=(1.2 * columns + 0.4, 1.3 * rows + 0.8), layout="constrained")
    grid = np.atleast_1d(made.subplots(rows, columns, squeeze=False)).ravel()
    for axes, square in zip(grid, squares, strict=False):
        axes.set(xlim=(0, 2 * found.columns), ylim=(found.rows, 0), xticks=[], yticks=[], aspect="auto")
        axes.set_title(f"{square.array} · {100 * square.share:.0f} %", fontsize=8)
        for p in square.pieces:
            box = Rectangle((2 * p.at, p.wordline), 2 * p.columns, p.rows, hatch="///" if p.slice else None)
            box.set(facecolor=colour(found.layers.index(p.layer)), edgecolor="white", linewidth=0.8)
            axes.add_patch(box)
    for axes in grid[len(squares) :]:
        axes.set_axis_off()
    keys = [Patch(color=colour(k), label=name) for k, name in enumerate(found.layers)]
    made.legend(handles=keys, loc="outside lower center", ncols=min(6, len(keys)), frameon=False, fontsize=8)
    return made


def heatmap(program: Program | Mapping, array: int, die: Die | None = None) -> "Figure":
    """What the cells of an array hold, wordline by bitline: levels, or conductance codes of a die in its map's steps.

    Cells without weights stay white. Raises InputError when the program does not use the array.
    """
    mapping = mapped(program)
    used = [u.array for u in mapping.arrays]
    if array not in used:
        raise InputError(f"array {array}: the program does not use it; give one of {', '.join(map(str, used))}")
    use = mapping.arrays[used.index(array)]
    held = use.levels if die is None else die.on(mapping).codes[array]
    made, axes = figure(f"array {array}: {', '.join(dict.fromkeys(p.layer for p in use.pieces))}", 5.6, 4.8)
    device = mapping.chip.device
    top = device.levels - 1 if die is None else (1 << device.code_bits + die.fraction) - 1
    shown = axes.imshow(
        np.ma.masked_array(held, ~with_weights(use)),
        cmap="cividis",
        vmin=0,
        vmax=top,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set(xlabel="bitline", ylabel="wordline")
    step = f"2^-{die.fraction} conductance codes" if die is not None and die.fraction else "conductance code"
    made.colorbar(shown, label="level" if die is None else step)
    return made
