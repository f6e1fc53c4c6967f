"""The page of a study folder: a section for each study, its rows as dots by seed, a plot and the table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codesign.page.axis import Axis, around
from codesign.page.blocks import Cell, Column, Fact, Page, Section, Table, Text, section, sections, table
from codesign.page.figures import PLAIN, Bar, Bars, Dot, Key, Line, Plot, Segment, Tick
from codesign.page.parts.again import reproduce
from codesign.page.records import records, shown
from codesign.report.caveats import FEW, caveats
from codesign.report.stats import deviation

Row = dict[str, Any]


def of_study(folder: Path) -> Page:
    """All studies of a folder. Raises InputError when it holds none."""
    found = records(folder, "codesign-study/1")
    first = found[0]
    seeds = min(len(row["seeds"]) for study in found for row in study["rows"])
    return Page(
        "study",
        first["name"] if len(found) == 1 else f"{len(found)} studies",
        first["question"] if len(found) == 1 else f"{len(found)} questions: {', '.join(s['name'] for s in found)}.",
        " ".join(_answer(study) for study in found),
        "",
        _facts(found, seeds),
        sections(*(s for study in found for s in _sections(study, len(found) > 1)), _again(found)),
        first.get("codesign", ""),
        tuple(caveats(seeds, any(s.get("quick") for s in found))),
    )


def _answer(study: dict[str, Any]) -> str:
    """What a study found, in a sentence: its headline row, or its best and its worst one."""
    rows = study["rows"]
    best = max(rows, key=lambda r: r["quantized_mean"])
    if "quantized_mean" in study and study.get("drop_mean") is not None:
        row = next((r for r in rows if r["quantized_mean"] == study["quantized_mean"]), rows[0])
        return (
            f"{named(row)}: {study['quantized_mean']:.2f} %, {abs(study['drop_mean']):.2f} points "
            f"{'below' if study['drop_mean'] >= 0 else 'above'} full precision ({study['float_mean']:.2f} %)."
        )
    return f"Best of {len(rows)} rows: {named(best)}, {best['quantized_mean']:.2f} %."


def _facts(found: Sequence[dict[str, Any]], seeds: int) -> tuple[Fact, ...]:
    rows = [row for study in found for row in study["rows"]]
    best = max(rows, key=lambda r: r["quantized_mean"])
    trainings = sum(len(r["seeds"]) for r in rows)
    drops = [r["drop_mean"] for r in rows if r["drop_mean"] is not None]
    facts = [
        Fact("Best accuracy", f"{best['quantized_mean']:.2f} %", named(best)),
        Fact("Rows", f"{len(rows):,}", f"{trainings:,} trainings"),
        Fact("Seeds", f"{seeds:,}", "of each row, paired"),
    ]
    if drops:
        facts.append(Fact("Below full precision", f"{min(drops):.2f} to {max(drops):.2f}", "points, means of rows"))
    return tuple(facts)


def named(row: Row) -> str:
    """A row by its case and its values."""
    values = [f"{key.rpartition('.')[2]} {shown(v)}" for key, v in row["values"].items()]
    return ", ".join([row["case"], *values])


def _sections(study: dict[str, Any], is_one_of_many: bool) -> tuple[Section | None, ...]:
    rows = study["rows"]
    name = study["name"]
    return (
        section(
            name,
            f"{name}: accuracy",
            Text((study["question"],)) if is_one_of_many else None,
            _accuracies(rows),
            _plot(rows),
            _drops(rows),
            _dies(rows),
            _table(name, rows),
        ),
    )


def _accuracies(rows: Sequence[Row]) -> Bars:
    axis = around([v for r in rows for v in (*r["quantized"], *(r["float"] or ()))], low=0, high=100)
    bars = []
    for r in rows:
        dots = [
            Dot(axis.at(v), 50, f"{named(r)}; full precision, seed {s}; {v:.2f} %", PLAIN, "s", True)
            for s, v in zip(r["seeds"], r["float"] or (), strict=False)
        ]
        dots += [
            Dot(axis.at(v), 50, f"{named(r)}; quantized, seed {s}; {v:.2f} %", 0, "o", len(r["seeds"]) > 1)
            for s, v in zip(r["seeds"], r["quantized"], strict=True)
        ]
        if len(r["seeds"]) > 1:
            mean = r["quantized_mean"]
            dots.append(Dot(axis.at(mean), 50, f"{named(r)}; quantized, mean of seeds; {mean:.2f} %", 1, "^"))
        sd = deviation(r["quantized"]) if len(r["seeds"]) >= FEW else None
        bars.append(
            Bar(named(r), f"{r['quantized_mean']:.2f}" + (f" ± {sd:.2f}" if sd is not None else ""), (), tuple(dots))
        )
    legend = [Key("quantized, one seed", 0, "o")]
    legend += [Key("mean of seeds", 1, "^")] * any(len(r["seeds"]) > 1 for r in rows)
    legend += [Key("full precision, one seed", PLAIN, "s")] * any(r["float"] for r in rows)
    return Bars(
        "Percent of the test set right, by seed; ± standard deviation",
        tuple(bars),
        axis.ticks(6),
        "percent",
        legend=tuple(legend),
    )


def _drops(rows: Sequence[Row]) -> Bars | None:
    """Full precision less quantized, seed by seed, with the 95 % interval of the mean."""
    having = [r for r in rows if r["drop"]]
    if not having:
        return None
    ends = [m + side * (r["ci95"] or 0) for r in having for m in [r["drop_mean"]] for side in (-1, 1) if _sure(r)]
    axis = around([0.0, *(d for r in having for d in r["drop"]), *ends])
    bars = []
    for r in having:
        mean, half = r["drop_mean"], r["ci95"] if _sure(r) else None
        tip = f"{named(r)}; 95 % interval of the mean; {mean:.2f} ± {half:.2f} points" if half is not None else ""
        span = (
            ()
            if half is None
            else (Segment(axis.at(mean - half), axis.at(mean + half) - axis.at(mean - half), tip, 5),)
        )
        dots = [
            Dot(axis.at(d), 50, f"{named(r)}; seed {s}; {d:.2f} points", 0, "o", True)
            for s, d in zip(r["seeds"], r["drop"], strict=True)
        ]
        dots.append(Dot(axis.at(mean), 50, f"{named(r)}; mean of seeds; {mean:.2f} points", 1, "^"))
        bars.append(Bar(named(r), f"{mean:.2f}" + (f" ± {half:.2f}" if half is not None else ""), span, tuple(dots)))
    legend = [Key("one seed", 0, "o"), Key("mean of seeds", 1, "^")]
    legend += [Key("95 % interval of the mean", 5)] * any(map(_sure, having))
    caption = "Points below full precision, seed by seed"
    rule = (Tick(axis.at(0.0), "as good as full precision"),)
    return Bars(caption, tuple(bars), axis.ticks(6), "points", rule, tuple(legend))


def _sure(row: Row) -> bool:
    return row["ci95"] is not None and len(row["seeds"]) >= FEW


def _number(value: Any) -> float | None:
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plot(rows: Sequence[Row]) -> Plot | None:
    """Accuracy along the key with the most values, if they are numbers; a line for each case and other values."""
    keys = {key: {shown(r["values"][key]) for r in rows} for key in rows[0]["values"]}
    x = max(keys, key=lambda k: len(keys[k]), default=None)
    if x is None or len(keys[x]) < 3:
        return None
    places = [_number(r["values"][x]) for r in rows]
    if any(p is None for p in places):
        return None
    at = [p for p in places if p is not None]
    is_log = min(at) > 0 and max(at) >= 8 * min(at)
    across, up = Axis(min(at), max(at), is_log), around([r["quantized_mean"] for r in rows], low=0, high=100)
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for r, place in zip(rows, at, strict=True):
        rest = named({**r, "values": {k: v for k, v in r["values"].items() if k != x}})
        mean = r["quantized_mean"]
        groups.setdefault(rest, []).append((across.at(place), up.at(mean), f"{named(r)}; {mean:.2f} %"))
    lines, dots, legend = [], [], []
    for k, (name, points) in enumerate(groups.items()):
        points.sort()
        lines.append(Line(tuple((a, b) for a, b, _ in points), k))
        dots += [Dot(a, b, tip, k, "os^"[k % 3]) for a, b, tip in points]
        legend.append(Key(name, k, "os^"[k % 3]))
    short = x.rpartition(".")[2]
    return Plot(
        f"Accuracy by {short}, means of seeds",
        short,
        "percent right",
        across.ticks(8),
        up.ticks(6),
        lines=tuple(lines),
        dots=tuple(dots),
        legend=tuple(legend),
    )


def _dies(rows: Sequence[Row]) -> Bars | None:
    """Means over imperfect dies, with the worst one."""
    found = [(r, die, d) for r in rows for die, d in r["dies"].items()]
    if not found:
        return None
    axis = around([v for r, _, d in found for v in (d["mean"], d["min"], r["quantized_mean"])], low=0, high=100)
    bars = []
    for r, die, d in found:
        what = f"{named(r)}, {die}"
        dots = (
            Dot(axis.at(d["min"]), 50, f"{what}; worst of {d['dies']:.0f} dies; {d['min']:.2f} %", 1, "^"),
            Dot(axis.at(r["quantized_mean"]), 50, f"{what}; ideal die; {r['quantized_mean']:.2f} %", PLAIN, "s"),
            Dot(axis.at(d["mean"]), 50, f"{what}; mean of {d['dies']:.0f} dies; {d['mean']:.2f} %", 0),
        )
        bars.append(Bar(what, f"{d['mean']:.2f}" + (f" ± {d['sd']:.2f}" if d["dies"] >= FEW else ""), (), dots))
    legend = (Key("mean of dies", 0, "o"), Key("worst die", 1, "^"), Key("ideal die", PLAIN, "s"))
    return Bars(
        "Percent right on imperfect dies; ± standard deviation", tuple(bars), axis.ticks(6), "percent", legend=legend
    )


def _table(name: str, rows: Sequence[Row]) -> Table:
    keys = list(rows[0]["values"])
    heads: list[str | Column] = [
        Column("case", is_text=True),
        *(Column(k.rpartition(".")[2], is_text=True) for k in keys),
        "seeds",
    ]
    heads += ["float", "quantized", "sd", "drop", "± 95 %", "cells"]
    dies = any(r["dies"] for r in rows)
    heads += [Column("die", is_text=True), "die mean", "die sd", "worst", "dies"] if dies else []
    lines: list[list[Cell]] = []
    for r in rows:
        line: list[Cell] = [r["case"], *(shown(r["values"][k]) for k in keys), len(r["seeds"]), r["float_mean"]]
        line += [r["quantized_mean"], deviation(r["quantized"]), r["drop_mean"], r["ci95"] if _sure(r) else None]
        line += [r["cells"]]
        lines += [[*line, d, v["mean"], v["sd"], v["min"], int(v["dies"])] for d, v in r["dies"].items()]
        lines += [[*line, *[None] * 5 * dies]] if not r["dies"] else []
    return table(name, f"{name}: percent of the test set, means over seeds", heads, lines)


def _again(found: Sequence[dict[str, Any]]) -> Section | None:
    commands = [study["command"] for study in found if "command" in study]
    versions = {study["codesign"] for study in found if "codesign" in study}
    commands += ["codesign report .   # this page, in this folder"] if commands else []
    facts = [("codesign", ", ".join(sorted(versions)))] if versions else []
    return reproduce("\n".join(commands), facts) if commands else None
