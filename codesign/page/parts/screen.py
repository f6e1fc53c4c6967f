"""What fits, without any training: every candidate priced."""

from typing import Any

from codesign.page.blocks import Cell, Column, Links, Section, Text, section, table
from codesign.page.parts.front import plots
from codesign.report.numbers import amount

LISTED = 100  # candidates that the page lists; all are in NAME-screen.csv


def screened(record: dict[str, Any], beside: Links | None) -> Section | None:
    """Cells for weights against each cost, and the candidates. beside: files that hold the same."""
    every = record["candidates"]
    fit = [c for c in every if not c["misses"]]
    keys = list(every[0]["quantities"]) if every else []
    first = sorted(every, key=lambda c: (not c["front"], bool(c["misses"]), -c["cells"]))[:LISTED]
    rows: list[list[Cell]] = [
        [
            c["label"],
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
    limits = ", ".join(f"{k} at most {amount(v)}" for k, v in record["limits"].items()) or "no limits"
    said = (
        f"{len(fit):,} of all {len(every):,} candidates meet {limits}. Nothing was trained: cells that hold weights "
        f"stand for accuracy, which only training tells.{more}"
    )
    strong = [k for k, c in enumerate(first) if c["front"]]
    return section(
        "screen",
        "What fits",
        Text((said,)),
        plots(record),
        beside,
        table("screen", "Candidates; the front of cells and costs stands out", heads, rows, strong=strong),
    )
