"""Arrays as small pictures for notebooks: a square for each, with the rectangles that layers take of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c4689a", "#d99100", "#3fa3dd")  # after Okabe and Ito, for all eyes
SIDE = 84  # CSS pixels of a square
MOST = 48  # squares that are drawn


@dataclass(frozen=True)
class Rectangle:
    """A part of an array, in cells, and what it is."""

    x: int
    y: int
    width: int
    height: int
    name: str
    told: str


@dataclass(frozen=True)
class Square:
    """An array: its name, and its parts."""

    name: str
    parts: tuple[Rectangle, ...]


def html_squares(squares: Sequence[Square], width: int, height: int) -> str:
    """Arrays of width x height cells side by side, a colour for each name; what a part is shows beside the pointer."""
    names = list(dict.fromkeys(p.name for s in squares for p in s.parts))
    drawn = "".join(_square(s, width, height, names) for s in squares[:MOST])
    left = len(squares) - MOST
    more = f"<p>{left:,} more arrays</p>" if left > 0 else ""
    keys = "".join(
        f'<span style="margin-right:1em"><span style="color:{_colour(n, names)}">&#9632;</span> {escape(n)}</span>'
        for n in names
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px;margin:8px 0">{drawn}</div>{more}<div>{keys}</div>'


def _square(square: Square, width: int, height: int, names: Sequence[str]) -> str:
    parts = "".join(
        f'<rect x="{p.x}" y="{p.y}" width="{p.width}" height="{p.height}" fill="{_colour(p.name, names)}">'
        f"<title>{escape(p.told)}</title></rect>"
        for p in square.parts
    )
    told = escape(f"{square.name}: {', '.join(dict.fromkeys(p.name for p in square.parts)) or 'empty'}", quote=True)
    return (
        f'<svg role="img" aria-label="{told}" width="{SIDE}" height="{SIDE}" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none" style="border:1px solid #7b8591"><title>{escape(square.name)}</title>{parts}</svg>'
    )


def _colour(name: str, names: Sequence[str]) -> str:
    return COLOURS[names.index(name) % len(COLOURS)]
