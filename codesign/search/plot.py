"""Pictures of what a search found: the curve of several budgets, and every candidate. Same data, same bytes."""

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from codesign.page.axis import told
from codesign.page.parts.front import axes as around
from codesign.report.caveats import FEW
from codesign.report.plot import COLOURS, Draw, accuracy_axis, line, panels
from codesign.report.stats import deviation
from codesign.search.answer import Point
from codesign.search.run import Scores
from codesign.views.cloud import Cloud, clouds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOMINATED = "#999999"
TARGET = "#000000"
LETTERS = 80  # below all panels of a row


def svg(name: str, record: dict[str, Any], points: Sequence[Point] = ()) -> bytes | None:
    """The record of any mode as SVG: its clouds of candidates, below the curve of `points` if they are several budgets.

    None where it has no candidate to show. name: of the file, without its suffix.
    """
    found = clouds(record)
    if not found:
        return None
    rows: list[list[Draw]] = [[partial(_curve, points=points)]] if len(points) > 1 else []
    rows.append([partial(_cloud, cloud=c, k=k, of=len(found)) for k, c in enumerate(found)])
    return panels(name, record["question"], rows, 0.6 + 3.2 * len(rows), 3)


def _cloud(axes: "Axes", cloud: Cloud, k: int, of: int) -> None:
    """One of several side by side: dominated ones, the others with the edge of what they dominate, and the target."""
    across, up = around(cloud)
    for on, name, marker in ((False, "dominated", "x"), (True, cloud.best, "o")):
        at = [(s.cost, s.value) for s in cloud.spots if s.is_best == on]
        look: dict[str, Any] = {"color": COLOURS[0] if on else DOMINATED, "markersize": 4}
        axes.plot([c for c, _ in at], [v for _, v in at], marker, label=name, **look)
    axes.plot([c for c, _ in cloud.edge], [v for _, v in cloud.edge], color=COLOURS[0], linewidth=1.2)
    if cloud.target is not None:
        axes.axhline(cloud.target, label=f"target, {cloud.target:g} %", color=TARGET, linestyle="--", linewidth=1)
    axes.set_xscale("log" if cloud.is_log else "linear")
    axes.set_xlim(across.low, across.high)
    axes.set_ylim(up.low, up.high)
    for axis, marks in ((axes.xaxis, across.marks(4)), (axes.yaxis, up.marks(5))):
        axis.set_ticks(marks, [told(m) for m in marks])
        axis.set_ticks([], minor=True)
    axes.set_xlabel(textwrap.fill(cloud.unit, LETTERS // of))
    if not k:  # all clouds of a record share it
        axes.set_ylabel(cloud.worth)


def _curve(axes: "Axes", points: Sequence[Point]) -> None:
    """Test accuracy against the budget, with standard deviations over seeds if these are not too few."""
    drawn = []
    for k, (name, scores) in enumerate(_lines(points).items()):
        mean = [s.mean for _, s in scores]
        spread = [(deviation(s.values) if len(s.values) >= FEW else None) or 0.0 for _, s in scores]
        line(axes, k, name, [a for a, _ in scores], mean, spread)
        drawn += [m + side * s for m, s in zip(mean, spread, strict=True) for side in (-1, 1)]
    axes.set_xscale("log", base=2)
    budgets = [p.arrays for p in points]
    axes.set_xticks(budgets, [str(b) for b in budgets])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("arrays of the chip")
    accuracy_axis(axes, min(drawn), max(drawn))


def _lines(points: Sequence[Point]) -> dict[str, list[tuple[int, Scores]]]:
    found: dict[str, list[tuple[int, Scores]]] = {"search": [], "uniform scaling": [], "winner, quantized directly": []}
    for p in points:
        if p.answer is not None:
            found["search"].append((p.arrays, p.answer.winner))
            found["winner, quantized directly"].append((p.arrays, p.answer.direct))
            if p.answer.uniform is not None:
                found["uniform scaling"].append((p.arrays, p.answer.uniform))
    return {name: line for name, line in found.items() if line}
