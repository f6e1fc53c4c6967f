"""The walk of a convolution: the places of its window by adding alone, and what loads bring there."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from codesign.fixed import INT32
from codesign.ir.geometry import Window
from codesign.mapping import LayerSize, Outline, capacity, plan
from codesign.mapping.layer import order_of
from codesign.mapping.loads import loads_of, runs, spans
from codesign.mapping.outline import Places
from codesign.mapping.walk import ONCE, Level, walk_of
from tests.mapping.pictures import U8, Place, lenet, pixel_by_pixel, random_places, reference, visited

SEEDS = range(200)


def plain(places: Places, outputs: int, is_input: bool) -> list[tuple[Place, bool]]:
    """The same places by loops over windows of pooling, and the results inside each."""
    channels, _, width = places.picture
    unit = 1 if is_input else channels
    (tall, wide), (stride_y, stride_x) = places.pool, places.window.stride
    found = []
    for y in range(places.pixels[0]):
        for x in range(places.pixels[1]):
            for dy in range(tall):
                for dx in range(wide):
                    row = (y * tall + dy) * stride_y - places.window.padding[0]
                    column = ((x * wide + dx) * stride_x - places.window.padding[1]) * unit
                    source, write = row * width * unit + column, (y * places.pixels[1] + x) * outputs
                    found.append(((row, column, source, write), (dy, dx) == (tall - 1, wide - 1)))
    return found


@pytest.mark.parametrize("is_input", [True, False], ids=["input", "hidden"])
def test_adding_increments_gives_the_places_of_plain_loops(is_input: bool) -> None:
    windows, levels = set[int](), set[int]()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        places, outputs = random_places(rng), int(rng.integers(1, 9))
        walk = walk_of(places, outputs, is_input)
        assert list(visited(walk)) == plain(places, outputs, is_input)
        assert walk.instances == places.count == prod(places.pixels) * prod(places.pool)
        channels, height, width = places.picture
        assert (walk.rows, walk.row_length) == (height, width * (1 if is_input else channels))
        assert walk.bounded == any(places.window.padding)
        assert all(level.count > 1 for level in walk.levels), "loops that turn once are left out"
        windows.add(walk.window)
        levels.add(len(walk.levels))
    assert windows == {0, 1, 2} and levels == {0, 1, 2, 3, 4}, "dull seeds"


def test_a_linear_layer_has_one_place() -> None:
    assert walk_of(None, 5, False) == ONCE
    assert list(visited(ONCE)) == [((0, 0, 0, 0), True)]


def test_lenets_second_convolution() -> None:
    """The example of docs/image.md."""
    conv2 = lenet().layers[1]
    walk = walk_of(conv2.places, conv2.outputs, False)
    assert walk.levels == (
        Level(2, row=0, column=20, source=20, write=0),
        Level(2, row=1, column=-20, source=220, write=0),
        Level(4, row=-1, column=20, source=-220, write=50),
        Level(4, row=1, column=-140, source=100, write=50),
    )
    assert (walk.window, walk.source, walk.bounded, walk.instances) == (2, 0, False, 64)


def test_layers_of_one_shape_share_an_entry() -> None:
    """The empty walk is none of them: entry 0."""
    places = Places((4, 8, 8), Window.square(3, padding=1))
    layers = [LayerSize(f"conv{k}", f"conv{k - 1}" if k else "pool1", 36, 4, U8, places=places) for k in range(3)]
    first = replace(lenet().layers[0], inputs=9, outputs=4, places=Places((1, 16, 16), places.window, (2, 2)))
    last = LayerSize("fc", "conv2", 256, 10, INT32)
    planned = plan(Outline("alike", 256, U8, (first, *layers, last)), reference(8))
    assert planned.walks == (planned.steps[0].walk.levels, planned.steps[1].walk.levels)
    assert capacity.needs(planned)["memory.walks"][0] == 3


@pytest.mark.parametrize("is_input", [True, False], ids=["input", "hidden"])
def test_every_wordline_gets_its_activation_at_every_place(is_input: bool) -> None:
    """Loads and walk together, on a flat memory with a picture in it, against the window cut out of the picture.

    Of all its channels, or of those that a block of convolution groups reads.
    """
    cut, padded, some = 0, 0, 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        places, rows, word = random_places(rng), int(rng.integers(2, 30)), int(2 ** rng.integers(1, 6))
        channels, height, _ = places.picture
        first = int(rng.integers(channels))
        count = int(rng.integers(1, channels - first + 1))
        window = places.window
        inputs = count * window.area
        tall = -(-inputs // rows) + 1
        blocks = [spans(int(rng.integers(rows)) + k * tall * rows, inputs, rows) for k in range(2)]
        loads = loads_of(blocks, runs(inputs, places, is_input), not is_input, word)
        walk = walk_of(places, 3, is_input, first)
        picture = rng.integers(1, 256, places.picture)
        flat = picture.ravel() if is_input else pixel_by_pixel(picture)
        around = 1000  # activations of others before and behind it
        memory = np.concatenate([np.full(around, -1), flat, np.full(around, -1)])
        above, beside = window.padding
        bordered = np.pad(picture, ((0, 0), (above, above), (beside, beside)))[first : first + count]
        order = order_of((count, *places.picture[1:]), window, is_input)
        for (row, column, source, _), _ in visited(walk):
            y, x = row + above, (column if is_input else (column - first) // channels) + beside
            want = bordered[:, y : y + window.size[0], x : x + window.size[1]].ravel()[order]
            lines = np.full((2 * tall, rows), -2)
            for load in loads:
                assert 0 < load.count <= word and load.wordline + load.count <= rows
                assert load.bounded == walk.bounded
                for k in range(load.count):
                    inside = 0 <= row + load.row < height and 0 <= column + load.column + k < walk.row_length
                    value = memory[around + source + load.offset + k] if inside or not load.bounded else 0
                    for array in load.arrays:
                        assert lines[array, load.wordline + k] == -2, "brought twice"
                        lines[array, load.wordline + k] = value
            for block in blocks:
                for s in block:
                    assert (lines[s.array, s.wordline : s.wordline + s.rows] == want[s.row : s.row + s.rows]).all()
                    lines[s.array, s.wordline : s.wordline + s.rows] = -2
            assert (lines == -2).all(), "nothing is brought beside the blocks"
        cut += len(blocks[0]) > 1
        padded += walk.bounded
        some += first > 0 and count > 1
    assert min(cut, padded) > 40 and some > 20, "dull seeds"
