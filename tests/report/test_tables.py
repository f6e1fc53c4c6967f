"""Figures as they are written: four decimals in records, two for people, nothing for what is not known."""

from codesign.report.tables import csv_text, rounded, with_spread


def test_floats_are_rounded_wherever_they_are() -> None:
    content = {"a": 0.123456, "b": [1, (2.00004, "x")], "c": {"d": None}}
    assert rounded(content) == {"a": 0.1235, "b": [1, [2.0, "x"]], "c": {"d": None}}


def test_with_spread() -> None:
    assert (with_spread(98.123, 0.1), with_spread(98.0, None)) == ("98.12 ± 0.10", "98.00")


def test_csv() -> None:
    assert csv_text(["a", "b"], [["x, y", None], [1, 0.5]]) == 'a,b\n"x, y",\n1,0.5\n'
