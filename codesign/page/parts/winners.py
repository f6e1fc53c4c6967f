"""The winners of a search: accuracy against the budget, certificates, and what they are compared with."""

from pathlib import Path
from typing import Any

from codesign.brief import counted
from codesign.page.axis import Axis, around
from codesign.page.blocks import Block, Cell, Column, Links, Section, Table, Text, section, table
from codesign.page.figures import Bar, Bars, Dot, Key, Line, Plot, Segment, Tick
from codesign.page.records import label
from codesign.report.caveats import FEW
from codesign.report.numbers import amount

Entry = dict[str, Any]
LINES = (("winner", 0, "o"), ("uniform", 1, "s"), ("direct", 2, "^"))
TOLD = {"winner": "search", "uniform": "uniform scaling", "direct": "winner, quantized directly"}


def budgets(record: Entry) -> tuple[Block, ...]:
    """A row for each budget, and the curve of several."""
    entries = record["budgets"]
    return tuple(b for b in (_curve(entries), _table(entries)) if b is not None)


def _mean(entry: Entry, which: str) -> float | None:
    if which == "winner":
        return float(entry["certificate"]["test"]["mean"])
    return None if entry.get(which) is None else float(entry[which]["mean"])


def _curve(entries: list[Entry]) -> Plot | None:
    there = [e for e in entries if "certificate" in e]
    if len(there) < 2:
        return None
    values = [v for e in there for which, *_ in LINES if (v := _mean(e, which)) is not None]
    across, up = Axis(min(e["arrays"] for e in there), max(e["arrays"] for e in there), True), around(values, 0, 100)
    lines, dots, legend = [], [], []
    for which, colour, shape in LINES:
        points = [(across.at(e["arrays"]), up.at(v), e, v) for e in there if (v := _mean(e, which)) is not None]
        if not points:
            continue
        lines.append(Line(tuple((x, y) for x, y, *_ in points), colour, which != "winner"))
        dots += [Dot(x, y, f"{TOLD[which]}; {e['arrays']} arrays; {v:.2f} %", colour, shape) for x, y, e, v in points]
        legend.append(Key(TOLD[which], colour, shape))
    ticks = tuple(Tick(across.at(e["arrays"]), f"{e['arrays']}") for e in there)
    return Plot(
        "Accuracy against the arrays of the chip",
        "arrays of the chip",
        "percent of the test set",
        ticks,
        up.ticks(5),
        lines=tuple(lines),
        dots=tuple(dots),
        legend=tuple(legend),
    )


def _half(scores: Entry) -> float | None:
    return scores["ci95"] if len(scores["seeds"]) >= FEW else None


def _table(entries: list[Entry]) -> Table:
    rows: list[list[Cell]] = []
    for e in entries:
        if "certificate" not in e:
            rows.append([e["arrays"], None, "nothing fits", *[None] * 8])
            continue
        c, uniform, direct = e["certificate"], e.get("uniform"), e.get("direct")
        rows.append(
            [
                e["arrays"],
                c["arrays"]["used"],
                label(c["winner"]),
                c["test"]["mean"],
                _half(c["test"]),
                uniform["mean"] if uniform else None,
                uniform["lead"] if uniform else None,
                direct["mean"] if direct else None,
                c["quantities"]["interval"]["value"],
                c["energy_nj"]["high"],
                c["rtl"]["mismatches"],
            ]
        )
    heads = (
        "arrays",
        "used",
        Column("winner", is_text=True),
        "accuracy",
        "± 95 %",
        "uniform",
        "lead",
        "direct",
        "interval",
        "energy, high, nJ",
        "words that differ",
    )
    return table("budgets", "Percent of the test set, means over seeds; lead: winner less uniform", heads, rows)


def reached(record: Entry) -> tuple[Block, ...]:
    """The limits that were probed for a target accuracy."""
    probed = record["probed"]
    heads = (f"limit of {record['minimize']}", Column("best held-out percent", 2), Column("reaches", is_text=True))
    rows = [(amount(p["limit"]), p["held_out"], "yes" if p["held_out"] >= record["reach"] else "no") for p in probed]
    axis = around([record["reach"], *(p["held_out"] for p in probed)], 0, 100)
    bars = tuple(
        Bar(
            f"{record['minimize']} at most {amount(p['limit'])}",
            f"{p['held_out']:.2f} %",
            dots=(Dot(axis.at(p["held_out"]), 50, f"limit {amount(p['limit'])}; {p['held_out']:.2f} % held-out"),),
        )
        for p in probed
    )
    rule = (Tick(axis.at(record["reach"]), f"the target, {record['reach']:g} %"),)
    return (
        Bars("The best under each limit that was probed", bars, axis.ticks(6), "percent held-out", rule),
        table("probed", "Probed limits", heads, rows, is_folded=True),
    )


def winner_links(winners: list[Entry], folder: Path) -> Links | None:
    """The reports of the winners' own runs, where they lie in the folder."""
    found = []
    for w in winners:
        c = w["certificate"]
        home = Path(c["rebuild"].split()[2]).parent / "run" / "report.html" if "rebuild" in c else Path()
        if not home.is_absolute() and (folder / home).is_file():
            found.append((home.as_posix(), f"{label(c['winner'])}, {c['arrays']['used']} arrays"))
    return (
        Links("Floorplan, cells, currents and cycles of each winner are in its own report:", tuple(found))
        if found
        else None
    )


def winner(c: Entry, prefix: str, several: bool) -> Section | None:
    """The certificate of a winner: costs against the limits, finalists and neighbours."""
    name = f"{prefix}-winner" + (f"-{c['arrays']['budget']}" if several else "")
    bars: list[Bar] = []
    rows: list[list[Cell]] = []
    for key, q in c["quantities"].items():
        value, limit = q["value"], q["limit"]
        rows.append([key, value, limit])
        if value is not None and limit:
            text = f"{amount(value)} of {amount(limit)}"
            bars.append(Bar(key, text, (Segment(0, min(100.0, 100 * value / limit), f"{key}; {text}"),)))
    looked = c["search"]
    trained = f"all {looked['fitting']:,} that fit" if looked["exhaustive"] else f"{looked['trained']:,}"
    if not looked["exhaustive"] and looked["fitting"] is not None:
        trained += f" of {looked['fitting']:,} that fit"
    return section(
        name,
        f"Winner on {c['arrays']['budget']} arrays" if several else "The winner",
        Text(
            (
                f"{label(c['winner'])}: {c['arrays']['used']} arrays, no packing of its cells takes fewer than "
                f"{c['arrays']['lower_bound']}. Of a space of {counted(looked['space'], 'candidate')}, {trained} "
                f"were trained, {looked['in_full']:,} in full.",
            )
        ),
        Bars("Of what the limits allow, the winner takes", tuple(bars)) if bars else None,
        _finalists(c),
        table(f"{name}-costs", "Costs and limits", ("quantity", Column("value", 4), Column("limit", 4)), rows),
        _neighbours(c, name),
    )


def _neighbours(c: Entry, name: str) -> Table:
    rows: list[list[Cell]] = []
    for n in c["neighbours"]:
        limits = "; ".join(n["misses"].values()) or "fits"
        rows.append([n["label"], "larger" if n["larger"] else "smaller", n["arrays"], limits, n["score"], n["epochs"]])
    heads = (Column("neighbour", is_text=True), Column("is", is_text=True), "arrays", Column("limits", is_text=True))
    return table(f"{name}-neighbours", "Neighbours of the winner", (*heads, "held-out", "epochs"), rows)


def _finalists(c: Entry) -> Bars:
    """The finalists' held-out scores, seed by seed, the winner first."""
    every = c["finalists"]
    axis = around([v for f in every for v in f["scores"]], 0, 100)
    bars = []
    for k, f in enumerate(every):
        what, half = label(f["candidate"]), _half(f)
        dots = [
            Dot(axis.at(v), 50, f"{what}; seed {s}; {v:.2f} %", 0, "o", True)
            for s, v in zip(f["seeds"], f["scores"], strict=True)
        ]
        dots.append(Dot(axis.at(f["mean"]), 50, f"{what}; mean of seeds; {f['mean']:.2f} %", 1, "^"))
        name = f"{what} (winner)" if k == 0 else what
        bars.append(Bar(name, f"{f['mean']:.2f}" + (f" ± {half:.2f}" if half is not None else ""), dots=tuple(dots)))
    legend = (Key("one seed", 0, "o"), Key("mean of seeds", 1, "^"))
    caption = "Held-out percent of the finalists, seed by seed; the best mean wins"
    return Bars(caption, tuple(bars), axis.ticks(6), "percent", legend=legend)
