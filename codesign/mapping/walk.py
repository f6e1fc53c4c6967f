"""A walk: the loop nest that takes a step over the places of a picture, by adding increments alone."""

from dataclasses import dataclass

from codesign.brief import Brief
from codesign.mapping.outline import Places


@dataclass(frozen=True)
class Level(Brief):
    """A loop of a walk: its turns, and what is added when it advances, which takes back all loops inside it."""

    count: int
    row: int
    column: int  # in activations
    source: int
    write: int


@dataclass(frozen=True)
class Walk(Brief):
    """The places of a step, the innermost loop first, and the picture that they lie in. No loops: one place.

    window: loops, from the innermost on, that make one pooling window. source: first activation read, relative to the
    picture's first; it may lie before it. bounded: whether some place reaches beyond the picture, which reads as 0.
    """

    levels: tuple[Level, ...] = ()
    window: int = 0
    row: int = 0
    column: int = 0
    source: int = 0
    rows: int = 0  # of the picture
    row_length: int = 0  # activations
    bounded: bool = False

    @property
    def instances(self) -> int:
        """Places: passes over the step's matrix for an image."""
        found = 1
        for level in self.levels:
            found *= level.count
        return found


ONCE = Walk()


@dataclass(frozen=True)
class Loop:
    """A loop as it moves by itself."""

    count: int
    y: int
    x: int
    write: int


def walk_of(places: Places | None, outputs: int, is_input: bool, first: int = 0) -> Walk:
    """The walk of a convolution; of the network's input, whose channels come one after another, else pixel by pixel.

    outputs: channels of the picture that is written. first: the first channel that is read.
    """
    if places is None:
        return ONCE
    channels, height, width = places.picture
    unit = 1 if is_input else channels  # activations of a pixel in a row
    plane, skip = (first * height * width, 0) if is_input else (0, first)
    (sy, sx), (py, px), (above, beside) = places.window.stride, places.pool, places.window.padding
    tall, wide = places.pixels
    loops = (
        Loop(px, 0, sx, 0),
        Loop(py, sy, 0, 0),
        Loop(wide, 0, px * sx, outputs),
        Loop(tall, py * sy, 0, wide * outputs),
    )
    window = sum(loop.count > 1 for loop in loops[:2])
    return Walk(
        levels=_levels([loop for loop in loops if loop.count > 1], unit, width),
        window=window,
        row=-above,
        column=-beside * unit + skip,
        source=-(above * width + beside) * unit + plane + skip,
        rows=height,
        row_length=width * unit,
        bounded=above > 0 or beside > 0,
    )


def vector_walk(places: Places, lanes: int, first: int, count: int) -> Walk:
    """The walk of a layer without a matrix: the lane groups of `count` of a pixel's channels, then the pixels.

    first: the first of these channels.
    """
    channels, height, width = places.picture
    (sy, sx), (above, beside), (tall, wide) = places.window.stride, places.window.padding, places.pixels
    groups = -(-count // lanes)
    across = Level(groups, 0, lanes, lanes, lanes)
    back = (groups - 1) * lanes
    along = Level(wide, 0, sx * channels - back, sx * channels - back, channels - back)
    x = (wide - 1) * sx
    down = Level(
        tall,
        sy,
        -x * channels - back,
        (sy * width - x) * channels - back,
        channels - back,
    )
    return Walk(
        levels=(across, along, down),
        row=-above,
        column=-beside * channels + first,
        source=-(above * width + beside) * channels + first,
        rows=height,
        row_length=width * channels,
        bounded=above > 0 or beside > 0,
    )


def _levels(loops: list[Loop], unit: int, width: int) -> tuple[Level, ...]:
    found: list[Level] = []
    y = x = write = 0  # where the loops inside have ended
    for loop in loops:
        row, column, to = loop.y - y, (loop.x - x) * unit, loop.write - write
        found.append(Level(loop.count, row, column, row * width * unit + column, to))
        y += (loop.count - 1) * loop.y
        x += (loop.count - 1) * loop.x
        write += (loop.count - 1) * loop.write
    return tuple(found)
