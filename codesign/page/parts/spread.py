"""Histograms: integer weights, and currents of the columns against the range of the converters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codesign.brief import counted
from codesign.mapping import Die, Mapping
from codesign.page.axis import Axis
from codesign.page.blocks import Block, Column, Section, Table, Text, section, table
from codesign.page.figures import ALARM, Gallery, Key, Plot, Tick, Upright
from codesign.views.spread import IMAGES, ROWS, Spread, currents, weights


def spreads(mapping: Mapping, x: NDArray[np.generic] | None, die: Die | None = None) -> Section | None:
    """Both kinds; weights alone where no inputs are known. die: whose currents, if not the ideal one's."""
    held = weights(mapping)
    plots = [_plot(s, k, "weight") for k, s in enumerate(held)]
    found = () if x is None else currents(mapping, x, die)
    return section(
        "values",
        "Weights and currents",
        Text(("Integer weights of each layer, of all slices together.",)),
        Gallery(tuple(plots)),
        *_of(found, mapping, die is not None),
    )


def _of(found: Sequence[Spread], mapping: Mapping, is_measured: bool) -> tuple[Block, ...]:
    """Currents, if any were measured."""
    if not found:
        return ()
    plots = tuple(_plot(s, k, "code before the clamp") for k, s in enumerate(found))
    return _note(found, mapping, is_measured), Gallery(plots), _table(found)


def _note(found: Sequence[Spread], mapping: Mapping, is_measured: bool) -> Text:
    code = mapping.chip.code
    worst = max(found, key=lambda s: s.share)
    clips = f"most in {worst.layer}, {_share(worst)}" if worst.beyond else "none lies beyond it"
    on = " of the die" if is_measured else ""
    return Text(
        (
            f"Currents of the columns{on} as the converters read them, in codes: the range is {code.lo} to {code.hi}; "
            f"{clips}. Measured on at most {IMAGES} test images, {ROWS:,} inputs of a layer, every bit plane, "
            "evenly spaced.",
        )
    )


def _table(found: Sequence[Spread]) -> Table:
    heads = ("layer", "conversions", "beyond the range", Column("percent", 4), "least code", "largest code")
    rows = [(s.layer, s.total, s.beyond, 100 * s.share, s.first, s.first + s.width * len(s.counts) - 1) for s in found]
    return table("currents", "Conversions looked at", heads, rows, layer=0)


def _plot(s: Spread, colour: int, unit: str) -> Plot:
    low, high = s.first, s.first + s.width * len(s.counts)  # ends of the first and the last bar
    if s.low is not None and s.high is not None:
        low, high = min(low, s.low - 1), max(high, s.high + 2)
    x, top = Axis(low - 0.5, high - 0.5), max(s.counts)
    y, columns = Axis(0, 100 * top / s.total * 1.08), []
    for k, count in enumerate(s.counts):
        first = s.first + k * s.width
        last = first + s.width - 1
        out = s.low is not None and s.high is not None and not (s.low <= first and last <= s.high)
        span = f"{first}" if first == last else f"{first} to {last}"
        tip = f"{s.layer}; {unit} {span}; {count:,} of {s.total:,}, {100 * count / s.total:.2f} %"
        place, share = x.at(first - 0.5), 100 * count / s.total
        width = x.at(last + 0.5) - place
        if count:
            columns.append(Upright(place, width * 0.92, y.at(share), tip, ALARM if out else colour, out))
    rules = () if s.low is None or s.high is None else (Tick(x.at(s.low - 0.5), ""), Tick(x.at(s.high + 0.5), ""))
    legend = () if s.low is None else (Key("clipped", ALARM, hatched=True),) if s.beyond else ()
    what = f"{s.layer}: {counted(s.total, 'weight')}" if s.low is None else f"{s.layer}: {_share(s)}"
    return Plot(
        what,
        unit,
        "percent",
        x.ticks(6, is_whole=True),
        y.ticks(4),
        tuple(columns),
        rules=rules,
        legend=legend,
        layer=s.layer,
        height=150,
    )


def _share(s: Spread) -> str:
    percent = 100 * s.share
    return "none clips" if not s.beyond else f"{'below 0.01' if percent < 0.01 else f'{percent:.2f}'} % clip"
