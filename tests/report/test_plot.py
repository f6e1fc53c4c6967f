"""What every plot has: title, legend, a line with error bars where a spread is known, an axis that shows all errors."""

import re
from typing import TYPE_CHECKING

from codesign.report.plot import accuracy_axis, line, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def picture(sd: list[float], low: float = 90.0, name: str = "n") -> str:
    def draw(axes: "Axes") -> None:
        line(axes, 8, "eighth", [1, 2], [low, 99.0], sd)
        accuracy_axis(axes, low, 99.0)

    return svg(name, "Which one?", draw, 4, 2).decode()


def test_words() -> None:
    found = re.findall(r"<text [^>]*>([^<]*)</text>", picture([0.0, 0.0]))
    assert {"Which one?", "eighth", "test accuracy, percent"} <= set(found)


def test_error_bars_where_there_is_a_spread() -> None:
    assert "LineCollection" in picture([0.0, 1.0])
    assert "LineCollection" not in picture([0.0, 0.0])
    assert "LineCollection" not in picture([float("nan"), 0.0])


def test_the_axis_is_logarithmic_in_errors_that_differ_much() -> None:
    assert ">80<" in picture([0.0, 0.0], low=20.0)
    assert ">99<" not in picture([0.0, 0.0], low=97.0)


def test_equal_pictures_are_equal_bytes() -> None:
    assert picture([0.0, 1.0]) == picture([0.0, 1.0])
    assert picture([0.0, 1.0]) != picture([0.0, 1.0], name="other")
