"""Plots of accuracies: one style, one axis, one way to draw a line. Same figures, same bytes."""

import io
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's, for all eyes
_MARKERS = "osD^vPX"
_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names may hold $
}


Draw = Callable[["Axes"], None]


def svg(name: str, title: str, draw: Draw, height: float, columns: int) -> bytes:
    """What `draw` draws into the axes, as SVG, with the title above and a legend of `columns` columns below.

    height: in inches; the width is 7. name: of the study or question; the picture's ids derive from it.
    """
    return panels(name, title, [[draw]], height, columns)


def panels(name: str, title: str, rows: Sequence[Sequence[Draw]], height: float, columns: int) -> bytes:
    """As `svg`, with several axes: rows of panels side by side. The legend lists once what several call alike."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = _STYLE | {"svg.hashsalt": name}
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's fonts show it
        mpl.rcdefaults()
        mpl.rcParams.update(style)
        figure = Figure(figsize=(7, height), layout="constrained")
        grid = figure.add_gridspec(len(rows), 1)
        for k, row in enumerate(rows):
            across = grid[k].subgridspec(1, len(row))
            for column, draw in enumerate(row):
                draw(figure.add_subplot(across[column]))
        told = "\n".join(textwrap.wrap(title, 95))
        if len(rows[0]) == 1:
            figure.axes[0].set_title(told, fontsize=9, loc="left")
        else:
            figure.suptitle(told, fontsize=9, x=0.01, ha="left")
        named = {text: mark for a in figure.axes for mark, text in zip(*a.get_legend_handles_labels(), strict=True)}
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=columns)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "codesign"})
    return out.getvalue()


def line(axes: "Axes", k: int, name: str, x: Sequence[float], mean: Sequence[float], sd: Sequence[float]) -> None:
    """The k-th line, with error bars unless every standard deviation is 0."""
    look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": _MARKERS[k % len(_MARKERS)]}
    look |= {"markersize": 4, "linewidth": 1.4, "capsize": 2.5}
    axes.errorbar(x, mean, sd if np.nansum(sd) else None, label=name, **look)


def accuracy_axis(axes: "Axes", low: float, high: float) -> None:
    """The vertical axis: linear, or, where errors differ by a factor of five, logarithmic in the error."""
    axes.set_ylabel("test accuracy, percent")
    least, most = 100.0 - high, 100.0 - max(low, 0.0)
    if least <= 0 or most < 5 * least:
        return
    floor = least / 100

    def up(accuracy: Any) -> Any:
        return -np.log10(np.maximum(100.0 - np.asarray(accuracy, dtype=float), floor))

    axes.set_yscale("function", functions=(up, lambda y: 100.0 - 10.0 ** -np.asarray(y)))
    least, most = least / 1.15, min(most * 1.15, 100.0)
    axes.set_ylim(100.0 - most, 100.0 - least)
    fine = most < 20 * least
    errors = [m * 10.0**k for k in range(-3, 3) for m in ((1, 1.5, 2, 3, 4, 5, 7) if fine else (1, 2, 5))]
    ticks = [100.0 - e for e in errors if least <= e <= most]
    axes.set_yticks(ticks, [f"{t:.6g}" for t in ticks])
    axes.set_yticks([], minor=True)
