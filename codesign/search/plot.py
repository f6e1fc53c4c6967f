"""Accuracy against arrays: the winners, uniform scaling, and direct quantization. Same data, same bytes."""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

from codesign.search.answer import Point
from codesign.search.describe import Question
from codesign.search.run import Scores
from codesign.study.plot import COLOURS, MARKERS, STYLE, accuracy_axis
from codesign.study.table import deviation


def svg(question: Question, points: Sequence[Point]) -> bytes:
    """The curve as SVG, with standard deviations over seeds."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = STYLE | {"svg.hashsalt": question.name}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(style)
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.add_subplot()
        drawn = []
        for k, (name, line) in enumerate(_lines(points).items()):
            at, mean = [a for a, _ in line], [s.mean for _, s in line]
            spread = [deviation(s.values) or 0.0 for _, s in line]
            look: dict[str, Any] = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 4, "linewidth": 1.4}
            axes.errorbar(at, mean, spread if any(spread) else None, label=name, capsize=2.5, **look)
            drawn += [m + side * s for m, s in zip(mean, spread, strict=True) for side in (-1, 1)]
        axes.set_xscale("log", base=2)
        budgets = [p.arrays for p in points]
        axes.set_xticks(budgets, [str(b) for b in budgets])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("arrays of the chip")
        accuracy_axis(axes, min(drawn), max(drawn))
        axes.set_title("\n".join(textwrap.wrap(question.question, 95)), fontsize=9, loc="left")
        figure.legend(loc="outside lower center", ncols=3)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "codesign"})
    return out.getvalue()


def _lines(points: Sequence[Point]) -> dict[str, list[tuple[int, Scores]]]:
    found: dict[str, list[tuple[int, Scores]]] = {"search": [], "uniform scaling": [], "winner, quantized directly": []}
    for p in points:
        if p.answer is not None:
            found["search"].append((p.arrays, p.answer.winner))
            found["winner, quantized directly"].append((p.arrays, p.answer.direct))
            if p.answer.uniform is not None:
                found["uniform scaling"].append((p.arrays, p.answer.uniform))
    return {name: line for name, line in found.items() if line}
