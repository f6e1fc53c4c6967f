"""Figures of a page as records. Places and widths are percent of an axis."""

from dataclasses import dataclass
from typing import ClassVar

from codesign.brief import Brief

PLAIN = -1  # the colour of what belongs to no layer; 0.. are those of the palette
ALARM = -2  # the colour of what should not be


@dataclass(frozen=True)
class Tick(Brief):
    """A mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Segment(Brief):
    """A part of a bar."""

    start: float
    width: float
    tip: str
    colour: int = 0
    hatched: bool = False


@dataclass(frozen=True)
class Dot(Brief):
    """A point. y: up from the bottom."""

    x: float
    y: float
    tip: str
    colour: int = 0
    shape: str = "o"  # o, s (square), ^ or x
    faint: bool = False


@dataclass(frozen=True)
class Key(Brief):
    """An entry of a legend. shape: of a dot, or - of a line."""

    text: str
    colour: int = 0
    shape: str = "s"
    hatched: bool = False


@dataclass(frozen=True)
class Bar(Brief):
    """A labelled line of segments and dots, and the figure that they stand for."""

    label: str
    value: str
    segments: tuple[Segment, ...] = ()
    dots: tuple[Dot, ...] = ()
    layer: str | None = None


@dataclass(frozen=True)
class Bars(Brief):
    """Horizontal bars on one axis. rules: lines across all of them."""

    kind: ClassVar = "bars"
    caption: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...] = ()
    unit: str = ""
    rules: tuple[Tick, ...] = ()
    legend: tuple[Key, ...] = ()

    @property
    def label_width(self) -> int:
        """Characters of the longest label, the unit's among them."""
        return max(map(len, (self.unit, *(b.label for b in self.bars))))

    @property
    def value_width(self) -> int:
        """Characters of the longest value."""
        return max((len(b.value) for b in self.bars), default=0)


@dataclass(frozen=True)
class Line(Brief):
    """Straight lines from point to point, (x, y) upwards."""

    points: tuple[tuple[float, float], ...]
    colour: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Upright(Brief):
    """An upright bar of a histogram."""

    x: float
    width: float
    height: float
    tip: str
    colour: int = 0
    hatched: bool = False


@dataclass(frozen=True)
class Plot(Brief):
    """Two axes. rules: upright lines with a name."""

    kind: ClassVar = "plot"
    caption: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    columns: tuple[Upright, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    rules: tuple[Tick, ...] = ()
    legend: tuple[Key, ...] = ()
    note: str = ""
    layer: str | None = None
    height: int = 260  # CSS pixels

    @property
    def tick_width(self) -> int:
        """Characters of the longest tick beside the upright axis."""
        return max((len(t.text) for t in self.y_ticks), default=0)


@dataclass(frozen=True)
class Gallery(Brief):
    """Small plots side by side."""

    kind: ClassVar = "gallery"
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class Patch(Brief):
    """A rectangle in an array, in cells."""

    x: int
    y: int
    width: int
    height: int
    tip: str
    layer: str
    colour: int = 0
    hatched: bool = False


@dataclass(frozen=True)
class Crossbar(Brief):
    """An array: its rectangles, or pictures of its cells (name, data URI) side by side with them as outlines."""

    title: str
    note: str
    width: int
    height: int
    patches: tuple[Patch, ...]
    pictures: tuple[tuple[str, str], ...] = ()

    @property
    def layers(self) -> str:
        """The layers in it."""
        return "|".join(dict.fromkeys(p.layer for p in self.patches))


@dataclass(frozen=True)
class Crossbars(Brief):
    """Arrays side by side. scales: what the colours of each of their pictures mean, as (colour, meaning)."""

    kind: ClassVar = "crossbars"
    caption: str
    arrays: tuple[Crossbar, ...]
    scales: tuple[tuple[tuple[str, str], ...], ...] = ()
    is_large: bool = False


@dataclass(frozen=True)
class Layers(Brief):
    """Buttons that show only some of the layers, everywhere on the page, and the legend of their colours."""

    kind: ClassVar = "layers"
    names: tuple[str, ...]


@dataclass(frozen=True)
class Matrix(Brief):
    """Counts by class and by the class that was told; shades: 0..100 for each."""

    kind: ClassVar = "matrix"
    caption: str
    counts: tuple[tuple[int, ...], ...]
    shades: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Example(Brief):
    """Pictures (data URIs) of one kind, and what they are."""

    text: str
    pictures: tuple[tuple[str, str], ...]  # data URI, description


@dataclass(frozen=True)
class Examples(Brief):
    """Pictures by kind."""

    kind: ClassVar = "examples"
    caption: str
    items: tuple[Example, ...]


@dataclass(frozen=True)
class Pair(Brief):
    """Side by side, where there is room."""

    kind: ClassVar = "pair"
    left: Matrix
    right: Examples
