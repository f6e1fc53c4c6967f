"""What a search tried: costs against accuracy with the front, the best so far, and which keys matter."""

import math
from collections.abc import Sequence

from codesign.page.axis import Axis, around
from codesign.page.blocks import Block, Cell, Column, Section, Table, Text, section, table
from codesign.page.figures import PLAIN, Bar, Bars, Dot, Gallery, Key, Line, Plot, Segment
from codesign.views.tried import Candidate, best_so_far, importances, unbeaten

UNITS = {"arrays": "arrays", "interval": "cycles between images", "energy_nj": "nJ of an image, higher estimate"}


def scatters(tried: Sequence[Candidate], quantities: Sequence[str]) -> tuple[Block, ...]:
    """Held-out accuracy against each quantity: those trained in full, and the front."""
    full = [c for c in tried if c.full]
    plots = [p for q in quantities if (p := _scatter([c for c in full if c.cost(q) is not None], q)) is not None]
    if not plots:
        return ()
    return (plots[0],) if len(plots) == 1 else (Gallery(tuple(plots)),)


def _scatter(full: Sequence[Candidate], quantity: str) -> Plot | None:
    costs = [c.cost(quantity) or 0.0 for c in full]
    if len(full) < 2:
        return None
    scores = [c.scores[-1] for c in full]
    is_log = min(costs) > 0 and max(costs) > 20 * min(costs)
    across = Axis(min(costs) / 1.15, max(costs) * 1.15, True) if is_log else around(costs, low=0)
    up = around(scores, low=0, high=100)
    on = unbeaten(list(zip(costs, scores, strict=True)))
    dots, front = [], []
    for c, cost, score, best in zip(full, costs, scores, on, strict=True):
        x, y = across.at(cost), up.at(score)
        what = "not beaten" if best else "dominated"
        tip = f"{c.label}; {score:.2f} % held-out; {quantity} {cost:,.4g}; {what}"
        dots.append(Dot(x, y, tip, 0 if best else PLAIN, "o" if best else "x"))
        front += [(x, y)] if best else []
    front.sort()
    unit = UNITS.get(quantity, quantity)
    return Plot(
        f"Held-out accuracy against {quantity}",
        unit,
        "percent held-out",
        across.ticks(5),
        up.ticks(5),
        lines=(Line(_stairs(front), 0, True),),
        dots=tuple(dots),
        legend=(Key("not beaten", 0, "o"), Key("dominated", PLAIN, "x")),
    )


def _stairs(front: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The edge of what the front dominates."""
    found = list(front[:1])
    for x, y in front[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return tuple(found)


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
        lines=(Line(_stairs(line), 1),),
        dots=dots,
        legend=(*legend, Key("best so far", 1, "s")),
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
        Column("", is_text=True),
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
