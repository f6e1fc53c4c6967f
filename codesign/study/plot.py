"""A study as a picture: accuracy along one axis, a line per case. Same table, same bytes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codesign.report.plot import COLOURS, accuracy_axis, line
from codesign.report.plot import svg as picture
from codesign.study.describe import Study
from codesign.study.labels import number, short, shown
from codesign.study.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class Line:
    """Means and standard deviations at places on the horizontal axis."""

    name: str
    place: list[Any] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    sd: list[float] = field(default_factory=list)

    def add(self, place: Any, mean: float, sd: float | None) -> None:
        """Append a point. sd: None where it is unknown."""
        self.place.append(place)
        self.mean.append(mean)
        self.sd.append(sd or 0.0)


def svg(study: Study, table: Sequence[Row]) -> bytes:
    """The plot that the study asks for, as SVG."""
    solid, dashed = lines(study, table)
    rows = -(-(len(solid) + len(dashed)) // 2)
    return picture(study.name, study.question, lambda axes: _draw(axes, study, solid, dashed), 3.6 + 0.2 * rows, 2)


def lines(study: Study, table: Sequence[Row]) -> tuple[list[Line], dict[str, Line]]:
    """A line for each case and combination of the other varied values; and its full-precision line, by its name.

    Equal full-precision lines are merged into one.
    """
    assert study.plot is not None
    x, names = study.plot.x, short(study.vary)
    found: dict[str, Line] = {}
    baselines: dict[str, Line] = {}
    for row in table:
        rest = [f"{names[k]} {shown(v)}" for k, v in row.values.items() if k != x]
        name = ", ".join([row.case, *rest] if len(study.case) > 1 or not rest else rest)
        one = found.setdefault(name, Line(name))
        if x == "die":
            one.add("ideal", row.quantized_mean, row.quantized_sd)
            for die, measured in row.dies.items():
                one.add(die, measured["mean"], measured["sd"])
            continue
        one.add(row.values[x], row.quantized_mean, row.quantized_sd)
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
    places = list(_unique(p for one in solid for p in one.place))
    at = _axis(axes, study, places)
    for k, one in enumerate(solid):
        line(axes, k, one.name, *_interrupted(study, one, at))
        baseline = dashed.get(one.name)
        if baseline is not None:
            colour = "#555555" if len(dashed) == 1 else COLOURS[k % len(COLOURS)]
            axes.plot(
                [at[repr(p)] for p in baseline.place],
                baseline.mean,
                "--",
                color=colour,
                linewidth=1.2,
                label=baseline.name,
            )
    everything = [*solid, *dashed.values()]
    low = min(m - s for one in everything for m, s in zip(one.mean, one.sd, strict=True))
    high = max(m + s for one in everything for m, s in zip(one.mean, one.sd, strict=True))
    accuracy_axis(axes, low, high)


def _interrupted(study: Study, one: Line, at: dict[str, float]) -> tuple[list[float], list[float], list[float]]:
    """Coordinates of a line, with a gap wherever the kind of imperfection changes."""
    kinds = {repr(d.name): {v if isinstance(v, str) else k for k, v in d.cells or () if v} for d in study.die}
    points: list[tuple[float, float, float]] = []
    before = None
    for place, mean, sd in zip(map(repr, one.place), one.mean, one.sd, strict=True):
        kind = kinds.get(place) if study.plot and study.plot.x == "die" else None
        if before and kind != before:
            points.append((math.nan, math.nan, math.nan))
        points.append((at[place], mean, sd))
        before = kind
    xs, means, sds = zip(*points, strict=True)
    return list(xs), list(means), list(sds)


def _axis(axes: "Axes", study: Study, places: Sequence[Any]) -> dict[str, float]:
    """Prepare the horizontal axis; returns the coordinate of each place, by its repr."""
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


def _unique(values: Iterable[Any]) -> Iterable[Any]:
    return {repr(v): v for v in values}.values()
