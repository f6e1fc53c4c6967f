"""Pictures inside a page, decoded again."""

import base64
import io

import numpy as np
from PIL import Image

from codesign.fixed import IntType
from codesign.page.picture import cells, css, image, shades


def decoded(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_every_cell_has_the_colour_of_its_level() -> None:
    rng = np.random.default_rng(0)
    levels, used = rng.integers(0, 4, (8, 6)), rng.random((8, 6)) < 0.6
    assert used.any() and not used.all()
    pixels = np.asarray(decoded(cells(levels, used, 4)).convert("RGBA"))
    assert pixels.shape == (8, 6, 4)
    assert ((pixels[..., 3] > 0) == used).all(), "cells without weights are transparent"
    colours = np.array(shades(4))
    assert (pixels[used][:, :3] == colours[levels[used]]).all()


def test_lightness_rises_with_the_level() -> None:
    for count in (2, 4, 16, 255):
        light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in shades(count)]
        assert light == sorted(light) and light[-1] - light[0] > 120
    assert css((255, 0, 16)) == "#ff0010"


def test_more_levels_than_colours_of_a_picture() -> None:
    levels = np.arange(4096).reshape(64, 64)
    found = np.asarray(decoded(cells(levels, np.ones((64, 64), bool), 4096)).convert("RGB")).astype(int)
    assert (np.diff(found.sum(axis=2).ravel()) >= 0).all()


def test_inputs_as_grey_and_coloured_pictures() -> None:
    kind = IntType(4)
    grey = decoded(image(np.arange(16), (1, 4, 4), kind))
    assert grey.mode == "L" and np.asarray(grey).ravel().tolist() == [k * 17 for k in range(16)]
    signed = np.asarray(decoded(image(np.array([-8, 7]), (1, 1, 2), IntType(4, signed=True))))
    assert signed.tolist() == [[0, 255]]
    colour = decoded(image(np.arange(12), (3, 2, 2), kind))
    assert colour.mode == "RGB" and np.asarray(colour)[0, 1].tolist() == [17, 85, 153]


def test_same_numbers_same_bytes() -> None:
    levels = np.random.default_rng(1).integers(0, 4, (16, 16))
    assert cells(levels, levels > 0, 4) == cells(levels.copy(), levels > 0, 4)
