"""What a page is made of: records that the template shows as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from codesign.brief import Brief
from codesign.page.figures import Bars, Crossbars, Examples, Gallery, Layers, Matrix, Pair, Plot
from codesign.report import tables

Cell = str | int | float | None


@dataclass(frozen=True)
class Column(Brief):
    """The head of a column. places: decimals of its numbers that are not whole; is_text: aligned as text."""

    name: str
    places: int = 2
    is_text: bool = False


@dataclass(frozen=True)
class Table(Brief):
    """Rows under sortable heads; the first cell of a row names it. The page has each as CSV, and so has its folder.

    layer: the column that names a layer, by which rows can be filtered. strong: rows that stand out. as_listed: sorting
    says nothing. is_folded: a figure shows the same.
    """

    kind: ClassVar = "table"
    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    layer: int | None = None
    strong: tuple[int, ...] = ()
    as_listed: bool = False
    is_folded: bool = False

    @property
    def csv(self) -> str:
        """The table for spreadsheets, numbers to four decimals."""
        return tables.csv_text([c.name for c in self.columns], tables.rounded(self.rows))


@dataclass(frozen=True)
class Text(Brief):
    """Paragraphs. tone: "" or "note", "warn"."""

    kind: ClassVar = "text"
    lines: tuple[str, ...]
    tone: str = ""


@dataclass(frozen=True)
class Code(Brief):
    """Something to copy; folded where it is long."""

    kind: ClassVar = "code"
    caption: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Fact(Brief):
    """A figure that answers the question, and what it is compared with."""

    label: str
    value: str
    note: str = ""
    tone: str = ""  # "", good or bad


@dataclass(frozen=True)
class Links(Brief):
    """Other files beside the page."""

    kind: ClassVar = "links"
    caption: str
    links: tuple[tuple[str, str], ...]  # relative path, text


Block = (
    Table | Text | Code | Bars | Plot | Gallery | Crossbars | Layers | Matrix | Examples | Pair | Links
)  # what a section may hold


@dataclass(frozen=True)
class Section(Brief):
    """A heading and what is below it; `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page(Brief):
    """A whole page. verdict: whether the answer is good ("good"), bad ("bad"), or neither ("").

    warnings: why its figures may mean little.
    """

    kind: str
    title: str
    asked: str
    answered: str
    verdict: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    version: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables of the page."""
        return tuple(b for s in self.sections for b in s.blocks if isinstance(b, Table))


def table(
    name: str,
    caption: str,
    columns: Sequence[str | Column],
    rows: Sequence[Sequence[Cell]],
    layer: int | None = None,
    strong: Sequence[int] = (),
    as_listed: bool = False,
    is_folded: bool = False,
) -> Table:
    """A table; heads given as text are of numbers, but for the first. Columns without any value are left out."""
    heads = [c if isinstance(c, Column) else Column(c, is_text=k == 0) for k, c in enumerate(columns)]
    kept = [k for k in range(len(heads)) if any(row[k] not in (None, "") for row in rows)]
    layer = None if layer is None else kept.index(layer)
    found = tuple(tuple(row[k] for k in kept) for row in rows)
    return Table(name, caption, tuple(heads[k] for k in kept), found, layer, tuple(strong), as_listed, is_folded)


def section(name: str, title: str, *blocks: Block | None) -> Section | None:
    """A section of those blocks that are there; None if none is."""
    there = tuple(b for b in blocks if b is not None)
    return Section(name, title, there) if there else None


def sections(*found: Section | None) -> tuple[Section, ...]:
    """Those that are there."""
    return tuple(s for s in found if s is not None)
