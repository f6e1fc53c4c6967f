"""Vector steps: the walk over lane groups and pixels, the operands that it brings, by hand and against plain loops."""

import numpy as np

from codesign.ir.geometry import Window
from codesign.mapping.loads import Load, added_of, operands_of
from codesign.mapping.outline import Places
from codesign.mapping.walk import Level, vector_walk
from tests.mapping.pictures import Place, random_places, visited

SEEDS = range(200)


def pooling(rng: np.random.Generator) -> Places:
    """A window over a picture, without any behind it; padded by less than itself."""
    while True:
        places = random_places(rng)
        window = places.window
        padding = min(window.padding[0], window.size[0] - 1), min(window.padding[1], window.size[1] - 1)
        window = Window(window.size, window.stride, padding)
        if window.fits(places.picture):
            return Places(places.picture, window)


def plain(places: Places, lanes: int) -> list[Place]:
    """Pixel by pixel, and in each of them the lane groups of its channels."""
    channels, _, width = places.picture
    (stride_y, stride_x), (above, beside), (tall, wide) = places.window.stride, places.window.padding, places.pixels
    found = []
    for y in range(tall):
        for x in range(wide):
            for first in range(0, channels, lanes):
                row, column = y * stride_y - above, (x * stride_x - beside) * channels
                read = (row * width * channels + column) + first
                found.append((row, column + first, read, (y * wide + x) * channels + first))
    return found


def test_a_vector_walk_visits_groups_then_x_then_y() -> None:
    short, padded, several = 0, 0, 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        places, lanes = pooling(rng), int(rng.integers(1, 4))
        walk = vector_walk(places, lanes, 0, places.picture[0])
        assert [place for place, _ in visited(walk)] == plain(places, lanes)
        channels, height, width = places.picture
        assert (walk.rows, walk.row_length, walk.window) == (height, width * channels, 0)
        assert walk.bounded == any(places.window.padding)
        assert walk.levels[0].count == -(-channels // lanes), "constants follow the innermost loop"
        assert len(walk.levels) == 3
        short += channels % lanes > 0
        padded += walk.bounded
        several += min(places.pixels) > 1
    assert min(short, padded, several) > 40, "dull seeds"


def test_a_walk_by_hand() -> None:
    """Five channels of 3 x 4 pixels in groups of four; windows of 2 x 2, two columns apart."""
    assert vector_walk(Places((5, 3, 4), Window((2, 2), (1, 2))), 4, 0, 5).levels == (
        Level(2, row=0, column=4, source=4, write=4),
        Level(2, row=0, column=10 - 4, source=10 - 4, write=5 - 4),
        Level(2, row=1, column=-10 - 4, source=20 - 10 - 4, write=5 - 4),
    )


def test_a_walk_over_some_channels_by_hand() -> None:
    """Of nine channels the five from the fourth on, in groups of four; windows of 2 x 2, two columns apart."""
    walk = vector_walk(Places((9, 3, 4), Window((2, 2), (1, 2), (0, 1))), 4, 4, 5)
    assert (walk.column, walk.source, walk.row_length) == (4 - 9, 4 - 9, 36)
    assert walk.levels == (
        Level(2, row=0, column=4, source=4, write=4),
        Level(3, row=0, column=18 - 4, source=18 - 4, write=9 - 4),
        Level(2, row=1, column=-36 - 4, source=36 - 36 - 4, write=9 - 4),
    )


def test_operands_of_a_window_come_row_by_row() -> None:
    places = Places((5, 3, 4), Window((2, 2)))
    assert operands_of(places, 4, None) == tuple(Load(True, at, 0, 4, (), operand=True) for at in (0, 5, 20, 25))
    assert operands_of(places, 3, None)[3] == Load(True, 25, 0, 3, (), operand=True), "no more than there are"


def test_operands_of_a_padded_window_know_where_they_lie() -> None:
    found = operands_of(Places((5, 3, 4), Window((2, 2), (1, 1), (1, 0))), 4, None)
    assert [(load.bounded, load.row, load.column, load.offset) for load in found] == [
        (True, 0, 0, 0),
        (True, 0, 5, 5),
        (True, 1, 0, 20),
        (True, 1, 5, 25),
    ]


def test_operands_of_two_edges() -> None:
    """The second one lies before the first as well as behind it."""
    places = Places((5, 3, 4), Window((1, 1)))
    for apart in (60, -64):
        assert operands_of(places, 4, apart) == tuple(Load(True, at, 0, 4, (), operand=True) for at in (0, apart))


def test_operands_that_are_added_to_columns() -> None:
    """In the order of the tiles, which the drain takes; a tile's last group may be short, the next starts anew."""
    found = added_of([(0, 6), (6, 3)], 4, -32)
    assert [(load.offset, load.count) for load in found] == [(-32, 4), (-28, 2), (-26, 3)]
    assert all(load == Load(True, load.offset, 0, load.count, (), operand=True, at_write=True) for load in found)


def test_windows_read_what_their_operands_bring() -> None:
    """Walk and loads together against the window cut out of the picture."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        places, lanes = pooling(rng), int(rng.integers(1, 4))
        channels, height, width = places.picture
        picture = rng.integers(1, 256, places.picture)
        (above, beside), window = places.window.padding, places.window
        bordered = np.pad(picture, ((0, 0), (above, above), (beside, beside)))
        memory = {k: int(v) for k, v in enumerate(picture.transpose(1, 2, 0).ravel())}
        loads = operands_of(places, min(lanes, channels), None)
        for number, ((row, column, source, _), _) in enumerate(
            visited(vector_walk(places, lanes, 0, places.picture[0]))
        ):
            first = lanes * (number % -(-channels // lanes))
            y, x = row + above, (column - first) // channels + beside
            want = bordered[first : first + lanes, y : y + window.size[0], x : x + window.size[1]]
            for load, values in zip(loads, want.reshape(len(want), -1).T, strict=True):
                lines = range(min(load.count, channels - first))
                inside = [
                    not load.bounded
                    or (0 <= row + load.row < height and 0 <= column + load.column + k < width * channels)
                    for k in lines
                ]
                found = [memory[source + load.offset + k] if real else 0 for k, real in zip(lines, inside, strict=True)]
                assert found == values.tolist()
