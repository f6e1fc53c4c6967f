"""One picture from an untrusted file: its size is checked before it is decoded."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np

from codesign.data.files import one_line
from codesign.data.scaling import Bytes
from codesign.errors import InputError
from codesign.files import open_regular

LIMIT = 64 << 20  # bytes of a picture's file
SIDE = 1024  # at most SIDE * SIDE pixels
_CHANNELS = {"L": 1, "RGB": 3}
_KINDS = {1: "grey", 3: "RGB"}


def decode(
    source: Path | BytesIO,
    where: str,
    formats: tuple[str, ...],
    remedy: str,
    expected: tuple[int, ...] = (),
    like: str = "",
) -> Bytes:
    """The picture in `source`, uint8 (channels, height, width): 1 grey channel or red, green and blue.

    formats: names of the Pillow decoders allowed. expected: the only shape accepted, if given; `like` says
    in the message where that shape came from. A rotation in the EXIF data is not applied. Raises InputError, whose
    message starts with `where` and ends with `remedy`, for other kinds and sizes and for what Pillow cannot decode.
    """
    from PIL import Image, UnidentifiedImageError

    shape: tuple[int, ...] = ()
    try:
        # Pillow warns about large pictures, which are refused here, and about oddities that do not affect the pixels.
        with (
            warnings.catch_warnings(action="ignore"),
            open_regular(source, LIMIT) if isinstance(source, Path) else source as file,
            Image.open(file, formats=formats) as picture,
        ):
            shape = (_CHANNELS.get(picture.mode, 0), picture.height, picture.width)
            fault = _fault(shape, picture.mode, expected, like)
            if not fault:
                picture.load()
                return np.asarray(picture).reshape(*shape[1:], shape[0]).transpose(2, 0, 1)
    except UnidentifiedImageError:
        fault = f"is not a readable {', '.join(formats)} picture"
    except OSError as e:
        fault = f"cannot be read ({one_line(e.strerror or e)})"
    except Exception as e:  # each of Pillow's decoders has kinds of its own for a damaged file
        fault = f"cannot be read ({one_line(e)})"
    raise InputError(f"{where}: {fault}; {remedy}")


def _fault(shape: tuple[int, ...], mode: str, expected: tuple[int, ...], like: str) -> str:
    channels, height, width = shape
    if not channels:
        return f"has mode {mode}, must be grey or RGB with 8 bits per channel"
    if expected and shape != expected:
        return f"is {_text(shape)}, must be {_text(expected)}{like}"
    if height * width > SIDE * SIDE:
        return f"has {width} x {height} pixels, more than the limit of {SIDE} x {SIDE}"
    return ""


def _text(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} x {height} {_KINDS[channels]}"
