"""Spreads and intervals, by hand."""

import math

import pytest

from codesign.report.stats import deviation, half_width


@pytest.mark.parametrize(
    ("values", "t"),  # Student's t of 97.5 %, from printed tables
    [([1.0, 3.0], 12.706), ([1.0, 2.0, 3.0], 4.303), ([1.0, 2.0, 3.0, 4.0, 5.0], 2.776)],
)
def test_half_width(values: list[float], t: float) -> None:
    n = len(values)
    mean = sum(values) / n
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    assert half_width(values) == pytest.approx(t * sd / math.sqrt(n), rel=2e-4)
    assert deviation(values) == pytest.approx(sd)


def test_one_value_has_no_spread() -> None:
    assert (half_width([1.0]), deviation([1.0])) == (None, None)
    assert half_width([1.0, 1.0]) == 0
