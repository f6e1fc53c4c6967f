"""Axes: places of values, and marks at round numbers."""

import pytest

from codesign.page.axis import Axis, around, rounds, told


def test_places() -> None:
    assert [Axis(10, 30).at(v) for v in (10, 15, 30)] == [0, 25, 100]
    assert [Axis(1, 100, is_log=True).at(v) for v in (1, 10, 100)] == pytest.approx([0, 50, 100])
    assert Axis(5, 5).at(5) == 50


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 100, 6, [0, 20, 40, 60, 80, 100]),
        (96.8, 97.6, 5, [96.8, 97.0, 97.2, 97.4, 97.6]),
        (3, 3, 6, [3]),
    ],
)
def test_round_numbers(low: float, high: float, most: int, expected: list[float]) -> None:
    assert rounds(low, high, most) == pytest.approx(expected)


def test_whole_numbers_only() -> None:
    assert [t.text for t in Axis(-1.5, 1.5).ticks(6, is_whole=True)] == ["-1", "0", "1"]
    assert len(Axis(-1.5, 1.5).ticks(6)) > 3


def test_marks_of_a_logarithmic_axis_lie_inside() -> None:
    for low, high in ((1, 8), (0.3, 90), (2, 4), (1, 1e6)):
        ticks = Axis(low, high, is_log=True).ticks(6)
        assert 2 <= len(ticks) <= 6 and all(-1e-9 <= t.at <= 100 + 1e-9 for t in ticks)


def test_axes_around_values_stay_within_limits() -> None:
    found = around([99.0, 99.9], low=0, high=100)
    assert found.high == pytest.approx(99.954) and found.low < 99
    assert around([100.0, 100.0], low=0, high=100).high == 100
    assert around([0.0]).low < 0 < around([0.0]).high


@pytest.mark.parametrize(("value", "text"), [(1200, "1,200"), (0.25, "0.25"), (97.2000001, "97.2"), (-3.0, "-3")])
def test_as_people_write_them(value: float, text: str) -> None:
    assert told(value) == text


def test_equal_values_keep_near_together_whatever_room_others_get() -> None:
    found = around([99.0, 99.0, 99.0], low=0, high=100, share=0.25)
    assert 90 < found.low < 99 < found.high <= 100
