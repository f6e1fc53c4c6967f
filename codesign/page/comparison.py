"""Folders side by side, or chips: what they found, and what differs in what was asked."""

from collections.abc import Sequence
from pathlib import Path

from codesign.brief import counted
from codesign.errors import InputError
from codesign.page.axis import Axis, around
from codesign.page.blocks import Cell, Column, Fact, Page, Section, Table, section, sections, table
from codesign.page.figures import Bar, Bars, Dot, Segment
from codesign.page.sides import Side, side
from codesign.report.numbers import amount


def compared(sources: Sequence[str]) -> Page:
    """The page of two or more folders, or chips. Raises InputError when one cannot be compared."""
    sides = [side(source, name) for source, name in zip(sources, _names(sources), strict=True)]
    if len(sides) < 2:
        raise InputError(f"{', '.join(sources)}: a comparison needs two or more; give another folder")
    kinds = dict.fromkeys(s.kind for s in sides)
    differing = [key for key in _keys([s.inputs for s in sides]) if len({s.inputs.get(key) for s in sides}) > 1]
    return Page(
        "comparison",
        " · ".join(s.name for s in sides),
        f"How do these {' and '.join(kinds)}s compare?" if len(kinds) == 1 else "How do these compare?",
        _answer(sides, differing),
        "",
        tuple(_fact(s, sides[0]) for s in sides if "accuracy, percent" in s.figures),
        sections(
            section("figures", "Side by side", *_figures(sides)),
            section("inputs", "What differs in what was asked", _inputs(sides, differing)) if differing else None,
            _layers(sides),
        ),
    )


def _names(sources: Sequence[str]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    parts = [Path(s).parts or (s,) for s in sources]
    for n in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(p[-n:]) for p in parts]
        if len(set(ends)) == len(ends):
            return ends
    return [f"{k}: {s}" for k, s in enumerate(sources, 1)]


def _keys(tables: Sequence[dict[str, str]] | Sequence[dict[str, Cell]]) -> list[str]:
    return list(dict.fromkeys(key for t in tables for key in t))


def _answer(sides: Sequence[Side], differing: Sequence[str]) -> str:
    shared = [k for k in _keys([s.figures for s in sides]) if len({s.figures.get(k) for s in sides}) > 1]
    told = (
        f"{counted(len(shared), 'figure', 'differs', 'differ')}, and {counted(len(differing), 'key')} of what was asked"
    )
    first = "; ".join(f"{s.name}: {s.figures['accuracy, percent']:.2f} %" for s in sides if _percent(s) is not None)
    return f"{f'{first}. ' if first else ''}{told[0].upper()}{told[1:]}."


def _percent(s: Side) -> float | None:
    value = s.figures.get("accuracy, percent")
    return value if isinstance(value, float) else None


def _fact(s: Side, first: Side) -> Fact:
    value, base = _percent(s), _percent(first)
    note = "accuracy on the chip"
    if value is not None and base is not None and s is not first:
        note = f"{value - base:+.2f} points against {first.name}"
    return Fact(s.name, f"{value:.2f} %", note)


def _figures(sides: Sequence[Side]) -> list[Bars | Table]:
    blocks: list[Bars | Table] = []
    percents = [(s, v) for s in sides if (v := _percent(s)) is not None]
    if len(percents) > 1:
        span = around([v for _, v in percents], 0, 100, 0.25)
        dots = tuple(
            Bar(s.name, f"{v:.2f} %", dots=(Dot(span.at(v), 50, f"{s.name}; {v:.2f} %", sides.index(s)),))
            for s, v in percents
        )
        blocks.append(Bars("Accuracy on the chip", dots, span.ticks(5), "percent right"))
    for key in ("arrays", "initiation interval, cycles", "energy of an image, high, nJ"):
        found = [(s, float(n)) for s in sides if isinstance(n := s.figures.get(key), int | float)]
        if len(found) > 1:
            axis = Axis(0, max(v for _, v in found) or 1.0)
            bars = tuple(
                Bar(s.name, amount(v), (Segment(0, axis.at(v), f"{s.name}; {key}; {amount(v)}", sides.index(s)),))
                for s, v in found
            )
            blocks.append(Bars(f"{key[0].upper()}{key[1:]}", bars, axis.ticks(5)))
    keys = [k for k in _keys([s.figures for s in sides]) if any(s.figures.get(k) is not None for s in sides)]
    rows = [(key, *(s.figures.get(key) for s in sides)) for key in keys]
    strong = [k for k, key in enumerate(keys) if len({s.figures.get(key) for s in sides}) > 1]
    heads = ("figure", *(s.name for s in sides))
    blocks.append(table("figures", "Figures; those that differ stand out", heads, rows, strong=strong, as_listed=True))
    return blocks


def _inputs(sides: Sequence[Side], differing: Sequence[str]) -> Table:
    heads = (Column("key", is_text=True), *(Column(s.name, is_text=True) for s in sides))
    rows = [(key, *(s.inputs.get(key, "absent") for s in sides)) for key in differing]
    return table("inputs", "Keys that differ; all others are the same", heads, rows)


def _layers(sides: Sequence[Side]) -> Section | None:
    there = [s for s in sides if s.layers]
    if len(there) < 2:
        return None
    heads = (Column("layer", is_text=True), Column("of", is_text=True), Column("matrix", is_text=True))
    rows = [(layer[0], s.name, *layer[1:]) for s in there for layer in s.layers]
    return section(
        "layers",
        "Layer by layer",
        table("layers", "Layers", (*heads, "arrays", "slices", "converter cycles"), rows, layer=0),
    )
