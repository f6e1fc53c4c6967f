"""Accuracy against arrays, and a front with what it dominates. Same data, same bytes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codesign.report.caveats import FEW
from codesign.report.plot import COLOURS, accuracy_axis, line
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


def scatter(question: Question, quantity: str, points: Sequence[tuple[float, float, bool]]) -> bytes:
    """Held-out accuracy against a quantity as SVG. points: (quantity, percent, whether no other beats it)."""

    def draw(axes: "Axes") -> None:
        for on, name, marker in ((False, "dominated", "x"), (True, "not beaten", "o")):
            at = sorted((q, percent) for q, percent, best in points if best == on)
            look: dict[str, Any] = {
                "color": COLOURS[0] if on else "#999999",
                "marker": marker,
                "linewidth": 1.4 if on else 0.0,
            }
            axes.plot([q for q, _ in at], [percent for _, percent in at], label=name, drawstyle="steps-post", **look)
        axes.set_xlabel(quantity)
        axes.set_ylabel("held-out accuracy, percent")

    return picture(f"{question.name}-{quantity}", question.question, draw, 4.2, 2)
