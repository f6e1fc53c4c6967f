"""Accuracy against arrays: the winners, uniform scaling, and direct quantization. Same data, same bytes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codesign.report.caveats import FEW
from codesign.report.plot import accuracy_axis, line
from codesign.report.plot import svg as picture
from codesign.report.stats import deviation
from codesign.search.answer import Point
from codesign.search.describe import Question
from codesign.search.run import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def svg(question: Question, points: Sequence[Point]) -> bytes:
    """The curve as SVG, with standard deviations over seeds if these are not too few."""
    return picture(question.name, question.question, lambda axes: _draw(axes, points), 4.2, 3)


def _draw(axes: "Axes", points: Sequence[Point]) -> None:
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
