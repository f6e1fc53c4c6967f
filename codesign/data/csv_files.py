"""Tables of numbers as .csv files: features and labels of a data set, or inputs alone."""

import csv
import io
import math
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.data.base import Dataset
from codesign.data.files import one_line
from codesign.data.own import divided, numbers
from codesign.errors import InputError
from codesign.files import read_text

LIMIT = 1 << 28  # bytes of a file
MISSING = ("", "?", "na", "n/a", "nan", "null", "none", "-")
_WHAT = "give a .csv of numbers with a column of labels"


def table(path: Path, label: str | None = None, test: float = 0.2) -> Dataset:
    """A .csv of one row per image: numbers, and a column of labels, the last one or that named `label`.

    The first row names the columns if none of its features is a number. Columns are separated by commas, semicolons or
    tabs. Labels are text or whole numbers. See `Dataset.of` for the rest. Raises InputError with row and column.
    """
    names, rows, first = _read(path, label)
    if label is None:
        column = len(rows[0]) - 1
    elif label in names:
        column = names.index(label)
    else:
        held = one_line(", ".join(names[:8]) + ", ..." * (len(names) > 8)) if names else "none has a name"
        raise InputError(f"{path}: has no column {label!r}; its columns: {held}")
    features = [k for k in range(len(rows[0])) if k != column]
    if not features:
        raise InputError(f"{path}: has a single column; {_WHAT}")
    x = _numbers(path, names, rows, features, first)
    y = _labels(path, [row[column].strip() for row in rows], first, column)
    return divided(numbers(x, str(path)), y, test, 0, path.stem)


def inputs(path: Path) -> NDArray[np.float64]:
    """A .csv of numbers alone, one row per image, with or without names. Raises InputError with row and column.

    Of the inputs of a known-answer pack, the numbers of the images are left out.
    """
    names, rows, first = _read(path, None, labels=0)
    is_pack = len(names) > 1 and names == ["image", *(f"input_{k}" for k in range(len(names) - 1))]
    return _numbers(path, names, rows, list(range(is_pack, len(rows[0]))), first)


def _read(path: Path, label: str | None, labels: int = 1) -> tuple[list[str], list[list[str]], int]:
    """Names of the columns if the file has any, its rows, and the number of the first one, counted from 1."""
    try:
        text = read_text(path, LIMIT)
        head = Counter(text[: 1 << 16].partition("\n")[0])
        separator = max(",;\t", key=lambda s: head[s])
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_WHAT}") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({one_line(e.strerror or e)}); {_WHAT}") from None
    except csv.Error as e:
        raise InputError(f"{path}: is not a table ({one_line(e)}); {_WHAT}") from None
    while rows and not any(rows[-1]):  # empty lines at the end
        rows.pop()
    if not rows:
        raise InputError(f"{path}: is empty; {_WHAT}")
    for k, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InputError(
                f"{path}: row {k + 1} has {len(row)} columns, row 1 has {len(rows[0])}; complete or remove it"
            )
    names = [name.strip() for name in rows[0]]
    cells = [c for k, c in enumerate(names) if (c != label if label else k < len(names) - labels)]
    if not any(_number(c) is not None or c.lower() in MISSING for c in cells):
        return names, _some(path, rows[1:]), 2
    return [], rows, 1


def _some(path: Path, rows: list[list[str]]) -> list[list[str]]:
    if not rows:
        raise InputError(f"{path}: names columns, but has no rows; {_WHAT}")
    return rows


def _numbers(
    path: Path, names: list[str], rows: list[list[str]], columns: list[int], first: int
) -> NDArray[np.float64]:
    x = np.empty((len(rows), len(columns)))
    for j, row in enumerate(rows):
        for k, column in enumerate(columns):
            value = _number(row[column])
            if value is None or not math.isfinite(value):
                name = f" ({one_line(names[column])})" if names else ""
                where = f"{path}: row {j + first}, column {column + 1}{name}"
                if row[column].strip().lower() in MISSING:
                    raise InputError(f"{where}: is missing; fill it in, or remove the row")
                raise InputError(
                    f"{where}: must be a number, got {one_line(row[column][:40])!r}; "
                    "turn it into a number, or remove the column"
                )
            x[j, k] = value
    return x


def _labels(path: Path, cells: list[str], first: int, column: int) -> NDArray[np.generic]:
    """The labels of a column: integers where all are, else text. Raises InputError for fractions and missing ones."""
    for j, cell in enumerate(cells):
        if cell.lower() in MISSING:
            raise InputError(
                f"{path}: row {j + first}, column {column + 1}: the label is missing; fill it in, or remove the row"
            )
    found = [_number(cell) for cell in cells]
    whole = [int(v) for v in found if v is not None and v.is_integer()]
    if len(whole) == len(cells):
        return np.array(whole)
    if all(v is not None for v in found):
        odd = next(j for j, v in enumerate(found) if v is not None and not v.is_integer())
        raise InputError(
            f"{path}: row {odd + first}, column {column + 1}: label {cells[odd]} is not a class; name the column of "
            "labels with data.label (label= in Python)"
        )
    return np.array(cells)


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
