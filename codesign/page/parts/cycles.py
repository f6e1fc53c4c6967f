"""Time and energy of an image, layer by layer."""

from codesign.mapping import Mapping
from codesign.mapping.energy import CELL_PJ, DRIVER_PJ, converter_pj, estimate, work
from codesign.page.axis import Axis
from codesign.page.blocks import Cell, Column, Section, Text, section, table
from codesign.page.figures import Bar, Bars, Key, Segment
from codesign.report import number
from codesign.report.numbers import amount
from codesign.views.timeline import timeline

SOURCES = (
    "Between two sources, all at 32 nm; not exact as arrays and cycles are: the analog macro is not simulated. "
    "Converters: low, a SAR converter of NeuroSim; high, ISAAC's (Shafiee et al., ISCA 2016). Cells: low, ISAAC's "
    "array; high, a read of 40 µS at 0.5 V for 10 ns, as NeuRRAM's (Wan et al., Nature 608, 2022). Wordline drivers: "
    "ISAAC's one-bit DAC. Digital parts are not counted."
)


def cycles(mapping: Mapping, interval: int | float) -> Section | None:
    """Where the cycles of an image go."""
    line = timeline(mapping)
    axis = Axis(0, max(line.end, 1))
    bars = [
        Bar(
            "converters alone",
            f"{line.bound:,}",
            (Segment(0, axis.at(line.bound), f"bound: the converters need {line.bound:,} cycles of an image", -1),),
        )
    ]
    names = list(dict.fromkeys(t.cycles.layer for t in line.turns if t.cycles.convert))
    for turn in line.turns:
        c = turn.cycles
        colour = names.index(c.layer) if c.layer in names else -1
        busy = min(c.convert, c.takes)
        where = f"{c.layer}; cycles {turn.start:,} to {turn.end:,}"
        parts = [Segment(axis.at(turn.start), axis.at(busy), f"{where}; converts {c.convert:,}", colour)]
        if c.takes > busy:
            tip = f"{where}; beyond its conversions {c.takes - busy:,}"
            parts.append(Segment(axis.at(turn.start + busy), axis.at(c.takes - busy), tip, colour, hatched=True))
        bars.append(Bar(c.layer, f"{c.takes:,}", tuple(parts), layer=c.layer if c.convert else None))
    rows = [
        (c.layer, c.places, c.load, c.convert, c.wait, c.drain, c.takes, turn.start, turn.end)
        for turn in line.turns
        for c in [turn.cycles]
    ]
    said = (
        f"An image that meets an idle chip takes {line.end:,} cycles from its first input word on; the converters "
        f"alone need {line.bound:,}. In a stream, an image leaves every {number(interval)} cycles: "
        "layers overlap.",
    )
    heads = ("layer", "places", "load", "convert", "wait", "drain", "takes", "begins", "ends")
    legend = (Key("converting", 0), Key("loading, draining, waiting", 0, hatched=True))
    return section(
        "cycles",
        "Cycles",
        Text(said),
        Bars("Cycles of an image, layer by layer", tuple(bars), axis.ticks(6), "cycle", legend=legend),
        table(
            "cycles", "Load, convert and drain overlap; wait is what a layer takes beyond converting", heads, rows, 0
        ),
    )


def energy(mapping: Mapping) -> Section | None:
    """Energy of an image by layer and by what takes it."""
    done, whole = work(mapping.plan), estimate(mapping.plan)
    if not done:
        return None
    bits = mapping.chip.adc.bits
    axis, bars = Axis(0, whole.energy_high_nj), []
    rows: list[tuple[Cell, ...]] = []
    kinds = ("converters", "cells", "wordline drivers")
    for side, name in enumerate(("low", "high")):
        parts, at, total = [], 0.0, 0.0
        for k, kind in enumerate(kinds):
            nj = sum(w.energy_nj(bits)[kind][side] for w in done)
            parts.append(Segment(axis.at(at), axis.at(nj), f"{name}; {kind}; {amount(nj)} nJ", k + 2, hatched=k == 1))
            at, total = at + nj, total + nj
        bars.append(Bar(f"{name} estimate", f"{amount(total)} nJ", tuple(parts)))
    for w in done:
        takes = w.energy_nj(bits)
        rows.append(
            (
                w.layer,
                *(takes[kind][side] for kind in kinds[:2] for side in (0, 1)),
                takes[kinds[2]][0],
                *(sum(takes[kind][side] for kind in kinds) for side in (0, 1)),
            )
        )
    low, high = converter_pj(bits)
    pj = (
        f"{low:.3g} to {high:.3g} pJ a conversion, {CELL_PJ[0]:g} to {CELL_PJ[1]:g} pJ a read of a cell, {DRIVER_PJ} pJ"
    )
    heads: list[str | Column] = [
        "layer",
        *(Column(f"{kind}, {side}", 4) for kind in kinds[:2] for side in ("low", "high")),
    ]
    heads += [Column("drivers", 4), Column("total, low", 4), Column("total, high", 4)]
    legend = tuple(Key(kind, k + 2, hatched=k == 1) for k, kind in enumerate(kinds))
    return section(
        "energy",
        "Energy",
        Bars("Energy of an image", tuple(bars), axis.ticks(5), "nJ", legend=legend),
        Text(
            (
                SOURCES,
                f"Figures: {pj} a drive of a wordline. Programming every cell once: {whole.programming_s:,.3g} s.",
            )
        ),
        table("energy", "Energy of an image in nJ", heads, rows, layer=0),
    )
