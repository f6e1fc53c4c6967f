"""A page as HTML: one template, one style, one script, all inside the file. Same page, same bytes."""

from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from codesign.errors import plain
from codesign.page.blocks import Cell, Column, Page
from codesign.page.figures import ALARM, PLAIN

HOME = Path(__file__).parent / "template"
MARK = '<meta name="generator" content="codesign">'  # by which a page of ours is known
SHAPES = {"o": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z", "s": "M-4-4h8v8h-8z", "^": "M0-5.5 5 4H-5z"}
SHAPES |= {"x": "M-4-4 4 4M-4 4 4-4", "-": "M-6-1H6v2H-6z"}
LONG = 48  # characters of a cell that stay on one line
COLOURS = 6  # of the palette in page.css


def html(page: Page, base: str = "") -> str:
    """The page as one file that needs no other. base: from there to the folder that its links start from, with a /."""
    style, script = ((HOME / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    text = _environment().get_template("page.html").render(page=page, base=base, style=style, script=script)
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HOME),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda v: plain(v) if isinstance(v, str) and not hasattr(v, "__html__") else v,
    )
    made.filters |= {
        "p": percent,
        "tint": tint,
        "shown": shown,
        "exact": exact,
        "is_long": is_long,
        "data_uri": data_uri,
    }
    made.globals |= {"SHAPES": SHAPES, "MARK": Markup(MARK)}
    return made


def percent(value: float) -> str:
    """A place on an axis: 12.5%."""
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"


def tint(colour: int) -> str:
    """The class of a colour; where there are more layers than colours, they come again, paler."""
    if colour < 0:
        return {PLAIN: "cx", ALARM: "cb"}[colour]
    turn = colour // COLOURS % 3
    return f"c{colour % COLOURS} d{turn}" if turn else f"c{colour % COLOURS}"


def shown(cell: Cell, column: Column) -> str:
    """A cell for people."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.{column.places}f}"


def exact(cell: Cell) -> str:
    """A number that sorting reads; empty for text."""
    return "" if cell is None or isinstance(cell, str) else repr(cell)


def is_long(cell: Cell) -> bool:
    """Whether a cell's text may need more than a line."""
    return isinstance(cell, str) and len(cell) > LONG


def data_uri(text: str) -> str:
    """Text as a file inside the page."""
    return f"data:text/csv;charset=utf-8,{quote(text)}"
