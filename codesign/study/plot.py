"""A study as a picture: accuracy along one axis, a line per case. Same table, same bytes."""

import io
import math
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from codesign.study.describe import Study
from codesign.study.labels import number, short, shown
from codesign.study.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's, for all eyes
MARKERS = "osD^vPX"
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names may hold $
}


@dataclass
class Line:
    """Means and standard deviations at some places of the horizontal axis."""

    name: str
    place: list[Any] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    sd: list[float] = field(default_factory=list)

    def add(self, place: Any, mean: float, sd: float | None) -> None:
        """One more point; None: no standard deviation is known."""
        self.place.append(place)
        self.mean.append(mean)
        self.sd.append(sd or 0.0)


def svg(study: Study, table: Sequence[Row]) -> bytes:
    """The plot that the study asks for, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    solid, dashed = lines(study, table)
    style: Any = STYLE | {"svg.hashsalt": study.name}
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's fonts show it
        mpl.rcdefaults()
        mpl.rcParams.update(style)
        rows = -(-(len(solid) + len(dashed)) // 2)
        figure = Figure(figsize=(7, 3.6 + 0.2 * rows), layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, study, solid, dashed)
        axes.set_title("\n".join(textwrap.wrap(study.question, 95)), fontsize=9, loc="left")
        figure.legend(loc="outside lower center", ncols=2)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "codesign"})
    return out.getvalue()


def lines(study: Study, table: Sequence[Row]) -> tuple[list[Line], dict[str, Line]]:
    """A line for each case and values of what else varies; full precision by the name of the line it belongs to.

    Equal full-precision lines are one.
    """
    assert study.plot is not None
    x, names = study.plot.x, short(study.vary)
    found: dict[str, Line] = {}
    baselines: dict[str, Line] = {}
    for row in table:
        rest = [f"{names[k]} {shown(v)}" for k, v in row.values.items() if k != x]
        name = ", ".join([row.case, *rest] if len(study.case) > 1 or not rest else rest)
        line = found.setdefault(name, Line(name))
        if x == "die":
            line.add("ideal", row.quantized_mean, row.quantized_sd)
            for die, measured in row.dies.items():
                line.add(die, measured["mean"], measured["sd"])
            continue
        line.add(row.values[x], row.quantized_mean, row.quantized_sd)
        if row.baseline_mean is not None:
            baselines.setdefault(name, Line(f"{name}, full precision")).add(row.values[x], row.baseline_mean, None)
    distinct: dict[str, Line] = {}
    for name, baseline in baselines.items():
        if all((baseline.place, baseline.mean) != (other.place, other.mean) for other in distinct.values()):
            distinct[name] = baseline
    if len(distinct) == 1:
        next(iter(distinct.values())).name = "full precision"
    return list(found.values()), distinct


def _draw(axes: "Axes", study: Study, solid: Sequence[Line], dashed: dict[str, Line]) -> None:
    assert study.plot is not None
    places = list(_unique(p for line in solid for p in line.place))
    at = _axis(axes, study, places)
    for k, line in enumerate(solid):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        x, mean, sd = _interrupted(study, line, at)
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.4, "capsize": 2.5}
        axes.errorbar(x, mean, sd if any(line.sd) else None, label=line.name, **style)
        baseline = dashed.get(line.name)
        if baseline is not None:
            colour = "#555555" if len(dashed) == 1 else colour
            axes.plot(
                [at[repr(p)] for p in baseline.place],
                baseline.mean,
                "--",
                color=colour,
                linewidth=1.2,
                label=baseline.name,
            )
    everything = [*solid, *dashed.values()]
    low = min(m - s for line in everything for m, s in zip(line.mean, line.sd, strict=True))
    high = max(m + s for line in everything for m, s in zip(line.mean, line.sd, strict=True))
    accuracy_axis(axes, low, high)


def _interrupted(study: Study, line: Line, at: dict[str, float]) -> tuple[list[float], list[float], list[float]]:
    """Coordinates of a line, with gaps where one kind of imperfection gives way to another."""
    kinds = {repr(d.name): {v if isinstance(v, str) else k for k, v in d.cells if v} for d in study.die}
    points: list[tuple[float, float, float]] = []
    before = None
    for place, mean, sd in zip(map(repr, line.place), line.mean, line.sd, strict=True):
        kind = kinds.get(place) if study.plot and study.plot.x == "die" else None
        if before and kind != before:
            points.append((math.nan, math.nan, math.nan))
        points.append((at[place], mean, sd))
        before = kind
    xs, means, sds = zip(*points, strict=True)
    return list(xs), list(means), list(sds)


def _axis(axes: "Axes", study: Study, places: Sequence[Any]) -> dict[str, float]:
    """Prepare the horizontal axis; where each place lies on it, by its repr."""
    assert study.plot is not None
    numbers = [n for p in places if (n := number(p)) is not None]
    categories = len(numbers) < len(places)
    at = [float(k) for k in range(len(places))] if categories else numbers
    axes.set_xlabel("imperfection" if study.plot.x == "die" else short(study.vary)[study.plot.x])
    if study.plot.log:
        axes.set_xscale("log", base=2)
    if categories or len(places) <= 12:
        labels = [shown(p) for p in places]
        slanted = sum(map(len, labels)) > 70
        axes.set_xticks(at, labels, rotation=30 if slanted else 0, ha="right" if slanted else "center")
        axes.set_xticks([], minor=True)
    return {repr(p): a for p, a in zip(places, at, strict=True)}


def accuracy_axis(axes: "Axes", low: float, high: float) -> None:
    """The vertical axis: even, or, where errors differ by a factor of five, even in their logarithm."""
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


def _unique(values: Iterable[Any]) -> Iterable[Any]:
    return {repr(v): v for v in values}.values()
