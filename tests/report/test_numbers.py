"""Numbers as people read them."""

import pytest

from codesign.report.numbers import amount, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(77946, "77,946"), (77946.0, "77,946"), (45128.25, "45,128"), (9999.4, "9,999"), (999.96, "1,000"),
     (0.88547, "0.8855"), (1234.56, "1,235"), (0.0, "0"), (-12.5, "-12.5")],
)  # fmt: skip
def test_amounts(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(("value", "text"), [(1234, "1,234"), (1234.5, "1,234.50")])
def test_counts_and_their_means(value: float, text: str) -> None:
    assert number(value) == text
