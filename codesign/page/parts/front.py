"""What a search tried: costs against accuracy with the front, the best so far, and which keys matter."""

import math
from collections.abc import Sequence
from typing import Any

from codesign.page.axis import Axis, around
from codesign.page.blocks import Block, Cell, Column, Section, Table, Text, section, table
from codesign.page.figures import PLAIN, Bar, Bars, Dot, Gallery, Key, Line, Plot, Segment
from codesign.report.numbers import amount
from codesign.views.cloud import Cloud, Spot, clouds, stairs
from codesign.views.tried import Candidate, best_so_far, importances


def plots(record: dict[str, Any]) -> Block | None:
    """What counts against each cost, and what nothing beats; None where there is too little to compare."""
    found = tuple(_plot(c) for c in clouds(record) if len(c.spots) > 1)
    return Gallery(found) if len(found) > 1 else next(iter(found), None)


def axes(cloud: Cloud) -> tuple[Axis, Axis]:
    """Of costs, and of what counts."""
    costs, values = [s.cost for s in cloud.spots], [s.value for s in cloud.spots]
    across = Axis(min(costs) / 1.15, max(costs) * 1.15, True) if cloud.is_log else around(costs, low=0)
    values += [] if cloud.target is None else [cloud.target]
    return across, around(values, low=0, high=100 if cloud.has_edge else None)


def _plot(cloud: Cloud) -> Plot:
    across, up = axes(cloud)
    dots = tuple(
        Dot(across.at(s.cost), up.at(s.value), _tip(cloud, s), *((0, "o") if s.is_best else (PLAIN, "x")))
        for s in cloud.spots
    )
    lines = [Line(tuple((across.at(x), up.at(y)) for x, y in cloud.edge), 0, True)]
    legend = [Key(cloud.best, 0, "o")]
    legend += [Key("dominated", PLAIN, "x")] if any(not s.is_best for s in cloud.spots) else []
    if cloud.target is not None:
        lines.append(Line(((0, up.at(cloud.target)), (100, up.at(cloud.target))), 1))
        legend.append(Key(f"the target, {cloud.target:g} %", 1, "-"))
    return Plot(
        f"{'Held-out accuracy' if cloud.has_edge else 'Cells for weights'} against {cloud.quantity}",
        cloud.unit,
        cloud.worth,
        across.ticks(5),
        up.ticks(5),
        lines=tuple(lines),
        dots=dots,
        legend=tuple(legend),
    )


def _tip(cloud: Cloud, s: Spot) -> str:
    value = f"{s.value:.2f} % held-out" if cloud.has_edge else f"{s.value:,.0f} cells"
    others = f"; and {s.others:,} more at this place" if s.others else ""
    return f"{s.label}; {value}; {cloud.quantity} {amount(s.cost)}; {cloud.best if s.is_best else 'dominated'}{others}"


def progress(tried: Sequence[Candidate]) -> Plot | None:
    """The score of every candidate in the order of the search, and the best so far."""
    if len(tried) < 2:
        return None
    scores = [c.scores[-1] for c in tried]
    across, up = Axis(0.5, len(tried) + 0.5), around(scores, low=0, high=100)
    dots = tuple(
        Dot(
            across.at(k),
            up.at(c.scores[-1]),
            f"{k}; {c.label}; {c.scores[-1]:.2f} % held-out" + ("" if c.full else f"; stopped on rung {len(c.scores)}"),
            0 if c.full else PLAIN,
            "o" if c.full else "x",
        )
        for k, c in enumerate(tried, 1)
    )
    line = [(across.at(k), up.at(best)) for k, best in enumerate(best_so_far(tried), 1) if not math.isnan(best)]
    legend = [Key("trained in full", 0, "o")]
    legend += [Key("stopped early", PLAIN, "x")] if any(not c.full for c in tried) else []
    return Plot(
        "The search: held-out accuracy of each candidate, and the best so far",
        "candidate, in order",
        "percent held-out",
        across.ticks(8, is_whole=True),
        up.ticks(5),
        lines=(Line(stairs(line), 1),),
        dots=dots,
        legend=(*legend, Key("best so far", 1, "-")),
        height=220,
    )


def tried_table(name: str, tried: Sequence[Candidate], front: Sequence[str]) -> Table:
    """Every trained candidate: settings, scores, costs."""
    rungs = max(len(c.scores) for c in tried) if tried else 0
    keys = [k for k, _ in tried[0].costs] if tried else []
    heads: list[str | Column] = [
        Column("candidate", is_text=True),
        "held-out",
        Column("trained", is_text=True),
        Column("front", is_text=True),
    ]
    heads += [f"rung {k + 1}" for k in range(rungs)] if rungs > 1 else []
    heads += [Column(k, 4) for k in keys]
    rows: list[list[Cell]] = []
    for c in tried:
        line: list[Cell] = [c.label, c.scores[-1], "in full" if c.full else f"to rung {len(c.scores)}"]
        line.append("not beaten" if c.label in front else "")
        line += [*c.scores, *[None] * (rungs - len(c.scores))] if rungs > 1 else []
        rows.append([*line, *(c.cost(k) for k in keys)])
    strong = [k for k, c in enumerate(tried) if c.label in front]
    return table(name, "Every trained candidate; held-out percent", heads, rows, strong=strong)


def importance(tried: Sequence[Candidate], prefix: str) -> Section | None:
    """The share of the variance that each free key explains."""
    shares = importances(tried)
    if not shares:
        return None
    bars = tuple(
        Bar(key, f"{100 * share:.0f} %", (Segment(0, 100 * share, f"{key}; {100 * share:.1f} % of the variance"),))
        for key, share in shares.items()
    )
    said = (
        f"Of the variance of the first rung's scores over {len(tried)} candidates, the share that lies between the "
        "values of a key. A search does not try values evenly, and keys that vary together share what they explain."
    )
    return section(
        f"{prefix}-importance",
        "Which keys matter",
        Text((said,)),
        Bars("Share of the variance between values of a key", bars, Axis(0, 100).ticks(5), "percent"),
        table(
            f"{prefix}-importance",
            "Importances",
            ("key", Column("percent", 1)),
            [(key, 100 * share) for key, share in shares.items()],
            is_folded=True,
        ),
    )
