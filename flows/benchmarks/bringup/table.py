"""Rows of the table."""

from collections.abc import Iterable


def head(text: str) -> None:
    """A title of the rows that follow."""
    print(text, flush=True)


def row(label: str, value: object) -> None:
    print(f"  {label:66}{value}", flush=True)


def share(label: str, found: Iterable[bool]) -> bool:
    """A row `x of y`; whether x is y, and not 0."""
    answers = list(found)
    row(label, f"{sum(answers)} of {len(answers)}")
    return bool(answers) and all(answers)
