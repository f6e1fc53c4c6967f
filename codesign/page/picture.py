"""Arrays and images as PNG pictures inside a page. Same numbers, same bytes."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import IntType

# Ends and middles of a scale that rises in lightness for every eye (after cividis), dark to bright.
_SCALE = ((13, 52, 104), (62, 76, 110), (124, 123, 120), (186, 173, 106), (255, 234, 70))


def shades(count: int) -> list[tuple[int, int, int]]:
    """`count` colours from the dark end of the scale to the bright one."""
    at = np.linspace(0, len(_SCALE) - 1, count) if count > 1 else np.array([len(_SCALE) - 1.0])
    known = np.arange(len(_SCALE))
    rgb = np.stack([np.interp(at, known, [c[k] for c in _SCALE]) for k in range(3)], axis=1).round().astype(int)
    return [tuple(c) for c in rgb.tolist()]


def css(colour: tuple[int, int, int]) -> str:
    """A colour as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def cells(levels: NDArray[np.integer], used: NDArray[np.bool_], count: int) -> str:
    """Levels 0..count-1 (rows, columns) as a picture of as many pixels; what is not `used` stays transparent."""
    at = levels.astype(np.int64) * 254 // max(count - 1, 1) if count > 255 else levels.astype(np.int64)
    return painted(np.where(used, at, -1), shades(min(count, 255)))


def painted(index: NDArray[np.integer], colours: Sequence[tuple[int, int, int]]) -> str:
    """A picture of a cell a pixel, in the colours of its index (rows, columns); -1 stays transparent."""
    from PIL import Image

    picture = Image.fromarray((index + 1).astype(np.uint8), mode="P")
    picture.putpalette([v for colour in ((0, 0, 0), *colours) for v in colour])
    return _uri(picture, transparency=0)


def image(values: NDArray[np.integer], shape: tuple[int, ...], kind: IntType) -> str:
    """An input of (channels, height, width) integers as a picture, grey or in colour."""
    from PIL import Image

    low, high = kind.lo, kind.hi
    scaled = (values.astype(np.int64).reshape(shape) - low) * 255 // max(high - low, 1)
    pixels = scaled.clip(0, 255).astype(np.uint8)
    return _uri(Image.fromarray(pixels.transpose(1, 2, 0) if shape[0] == 3 else pixels[0]))


def _uri(picture: object, **options: object) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, **options)  # type: ignore[attr-defined]
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
