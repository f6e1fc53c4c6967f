"""The shape rule against counting: where a window can start, one pixel at a time."""

from itertools import product

import numpy as np
import pytest

from codesign.ir.geometry import Window


def starts(length: int, size: int, stride: int, padding: int) -> int:
    """Windows that lie inside the padded line."""
    pixels = range(-padding, length + padding)
    return sum(first + size - 1 in pixels for first in range(-padding, length + padding, stride))


def test_positions_are_counted() -> None:
    seen = set()
    for height, width, size_h, size_w, stride, padding in product(
        (3, 6, 7), (1, 5), (1, 2, 3), (1, 3), (1, 2, 3), (0, 1)
    ):
        window, image = Window((size_h, size_w), stride, padding), (2, height, width)
        expected = starts(height, size_h, stride, padding), starts(width, size_w, stride, padding)
        assert window.fits(image) == (0 not in expected)
        if window.fits(image):
            assert window.positions(image) == expected
            assert window.over(image) == (2, *expected) and window.over(image, 5) == (5, *expected)
            seen.add(expected)
    assert len(seen) > 20


def test_height_comes_first() -> None:
    window = Window((3, 2), 1, 1)
    assert window.padded((1, 10, 20)) == (12, 22) and window.positions((1, 10, 20)) == (10, 21)
    assert window.area == 6
    assert Window.square(3, 2, 1) == Window((3, 3), 2, 1)


@pytest.mark.parametrize("image", [(4, 9, 8), (7, 4, 9, 8)])
def test_leading_axes_do_not_count(image: tuple[int, ...]) -> None:
    """Of one image, or of a batch."""
    assert Window((2, 3), 2).positions(np.zeros(image).shape) == (4, 3)
