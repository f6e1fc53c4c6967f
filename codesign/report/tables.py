"""How studies and searches write figures: in JSON, in CSV and for people."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def rounded(value: Any) -> Any:
    """Floats to 4 decimals (a hundredth of one image in ten thousand), wherever they are; tuples as lists."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value


def with_spread(mean: float, spread: float | None) -> str:
    """98.12 ± 0.10: a mean and its spread, if that is known."""
    return f"{mean:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, `head` first; nothing for None."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()
