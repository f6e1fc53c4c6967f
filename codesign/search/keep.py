"""How every mode of a search leaves what it found: one record, one table, one picture, one page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codesign import page
from codesign.folders import atomic_write, writing
from codesign.search.answer import Point
from codesign.search.plot import svg


def keep(
    folder: Path,
    name: str,
    record: dict[str, Any],
    csv: str | None = None,
    points: Sequence[Point] = (),
    indent: int | None = 1,
) -> None:
    """NAME.json, NAME.svg and, where there is a table, NAME.csv; and report.html of all that the folder holds.

    points: the budgets of a curve, which the picture shows above the candidates. indent: of the JSON.
    """
    with writing(folder):
        atomic_write(folder / f"{name}.json", json.dumps(record, indent=indent) + "\n")
        if csv is not None:
            atomic_write(folder / f"{name}.csv", csv)
        if (picture := svg(name, record, points)) is not None:
            atomic_write(folder / f"{name}.svg", picture)
        page.write(folder)
