"""A study's table for people, for spreadsheets and for programs."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from codesign.folders import atomic_write
from codesign.report import tables
from codesign.report.tables import with_spread
from codesign.study.describe import Study
from codesign.study.labels import short, shown
from codesign.study.table import Row, record


def write(study: Study, table: Sequence[Row], folder: Path, sets: Sequence[str] = ()) -> None:
    """NAME.json, NAME.csv and, where the study has a plot, NAME.svg."""
    atomic_write(folder / f"{study.name}.json", json.dumps(record(study, table, sets), indent=1) + "\n")
    atomic_write(folder / f"{study.name}.csv", csv_text(study, table))
    if study.plot is not None:
        from codesign.study.plot import svg

        atomic_write(folder / f"{study.name}.svg", svg(study, table))


def csv_text(study: Study, table: Sequence[Row]) -> str:
    """The table as CSV: numbers only, percent of the test set; one line per row, or per row and imperfection."""
    head = ["case", *short(study.vary).values(), "seeds", "float", "quantized", "quantized_sd", "drop", "drop_ci95"]
    head += ["cells", "rejected", *(["die", "die_mean", "die_sd", "die_min", "dies"] if study.die else [])]
    lines: list[list[str]] = []
    for row in table:
        means = [row.baseline_mean, row.quantized_mean, row.quantized_sd, row.drop_mean, row.ci95]
        line = [row.case, *map(shown, row.values.values()), str(len(row.seeds)), *map(_plain, means)]
        line += [str(row.cells), _plain(row.rejected)]
        for die, found in row.dies.items():
            figures = [found["mean"], found["sd"], found["min"], found["dies"]]
            lines.append([*line, die, *map(_plain, figures)])
        if not row.dies:
            lines.append(line)
    return tables.csv_text(head, lines)


def text_table(study: Study, table: Sequence[Row]) -> tuple[list[str], list[list[str]], str]:
    """Columns, rows and a note for people. Empty columns are left out; each imperfection is a row."""
    head = ["case", *short(study.vary).values(), "float", "quantized", "drop", "die", "accuracy", "worst"]
    lines = [line for row in table for line in _lines(row)]
    if len(study.case) == 1 and study.vary:
        lines = [["", *line[1:]] for line in lines]
    used = [k for k in range(len(head)) if any(line[k] for line in lines)]
    return [head[k] for k in used], [[line[k] for k in used] for line in lines], _note(study, table)


def _lines(row: Row) -> Iterator[list[str]]:
    """A row's lines: one, or with imperfections one for the ideal die and one for each of them."""
    values = [row.case, *map(shown, row.values.values())]
    baseline = "" if row.baseline_mean is None else f"{row.baseline_mean:.2f}"
    drop = "" if row.drop_mean is None else with_spread(row.drop_mean, row.ci95)
    quantized = with_spread(row.quantized_mean, row.quantized_sd)
    if not row.dies:
        yield [*values, baseline, quantized, drop, "", "", ""]
        return
    yield [*values, baseline, "", drop, "ideal", quantized, f"{min(row.quantized):.2f}"]
    blank = [""] * (len(values) + 3)
    for name, found in row.dies.items():
        spread = found["sd"] if found["dies"] > 1 else None
        yield [*blank, name, with_spread(found["mean"], spread), f"{found['min']:.2f}"]


def _note(study: Study, table: Sequence[Row]) -> str:
    many = len(study.seeds) > 1
    note = "percent of the test set, "
    note += f"mean of {len(study.seeds)} seeds ± standard deviation" if many else "one seed"
    if any(row.drop for row in table):
        note += f"; drop: float minus quantized{', ± half its 95 % interval' if many else ''}"
    drawn = sorted({d.draws * len(study.seeds) for d in study.die if d.map is None})
    if drawn:
        note += f"; imperfect dies: mean of {' or '.join(map(str, drawn))} ± standard deviation"
    if measured := [d.name for d in study.die if d.map is not None]:
        note += f"; measured: {', '.join(measured)}"
    return note


def _plain(value: float | None) -> str:
    """Four decimals at most, as in the JSON; nothing for None."""
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
