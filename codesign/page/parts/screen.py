"""What fits, without any training: every candidate priced."""

from typing import Any

from codesign.page.axis import Axis, around
from codesign.page.blocks import Cell, Column, Section, Text, section, table
from codesign.page.figures import PLAIN, Dot, Gallery, Key, Plot

LISTED = 300  # candidates that the page lists; all are in NAME-screen.csv
COSTS = ("arrays", "interval", "energy_nj")


def screened(record: dict[str, Any]) -> Section | None:
    """Cells for weights against each cost, and the candidates."""
    every = record["candidates"]
    fit = [c for c in every if not c["misses"]]
    plots = tuple(p for q in COSTS if (p := _plot(fit, q)) is not None)
    keys = list(every[0]["quantities"]) if every else []
    first = sorted(every, key=lambda c: (not c["front"], bool(c["misses"]), -c["cells"]))[:LISTED]
    rows: list[list[Cell]] = [
        [
            _name(c),
            "front" if c["front"] else "fits" if not c["misses"] else "no",
            c["cells"],
            c["lower_bound"],
            *(c["quantities"][k] for k in keys),
            "; ".join(c["misses"]),
        ]
        for c in first
    ]
    heads: list[str | Column] = [
        Column("candidate", is_text=True),
        Column("fits", is_text=True),
        "cells",
        "arrays at least",
    ]
    heads += [*(Column(k, 4) for k in keys), Column("misses", is_text=True)]
    more = f" The table lists {LISTED} of them." if len(every) > LISTED else ""
    limits = ", ".join(f"{k} at most {v:g}" for k, v in record["limits"].items()) or "no limits"
    said = (
        f"{len(fit):,} of all {len(every):,} candidates meet {limits}. Nothing was trained: cells that hold weights "
        f"stand for accuracy, which only training tells.{more}"
    )
    strong = [k for k, c in enumerate(first) if c["front"]]
    return section(
        "screen",
        "What fits",
        Text((said,)),
        Gallery(plots) if plots else None,
        table("screen", "Candidates; the front of cells and costs stands out", heads, rows, strong=strong),
    )


def _name(c: dict[str, Any]) -> str:
    from codesign.page.records import label

    return str(c.get("label") or label(c["candidate"]))


def _plot(fit: list[dict[str, Any]], quantity: str) -> Plot | None:
    there = [c for c in fit if c["quantities"].get(quantity)]
    if len(there) < 2:
        return None
    costs, sizes = [c["quantities"][quantity] for c in there], [c["cells"] for c in there]
    is_log = max(costs) > 20 * min(costs)
    across = Axis(min(costs) / 1.15, max(costs) * 1.15, True) if is_log else around(costs, low=0)
    up = around(sizes, low=0)
    dots = tuple(
        Dot(
            across.at(cost),
            up.at(c["cells"]),
            f"{_name(c)}; {c['cells']:,} cells; {quantity} {cost:,.4g}",
            0 if c["front"] else PLAIN,
            "o" if c["front"] else "x",
        )
        for c, cost in zip(there, costs, strict=True)
    )
    legend = (Key("front of all costs", 0, "o"), Key("dominated", PLAIN, "x"))
    return Plot(
        f"Cells for weights against {quantity}",
        quantity,
        "cells",
        across.ticks(5),
        up.ticks(5),
        dots=dots,
        legend=legend,
    )
