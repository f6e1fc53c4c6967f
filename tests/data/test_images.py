"""One picture: which are taken, and that size and kind are judged before a pixel is decoded."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from codesign.data.images import decode
from codesign.errors import InputError
from tests.data.told import told

ALL = ("PNG", "JPEG", "BMP", "PPM")


def picture(mode: str = "RGB", size: tuple[int, int] = (5, 4), form: str = "PNG", **options: Any) -> BytesIO:
    out = BytesIO()
    Image.new(mode, size).save(out, form, **options)
    return BytesIO(out.getvalue())


def refused(source: BytesIO | Path, formats: tuple[str, ...] = ALL, **options: Any) -> str:
    return told(lambda: decode(source, "here", formats, "mend it", **options))


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM"])
def test_pixels_come_channel_by_channel(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour, grey = rng.integers(0, 256, (4, 5, 3), np.uint8), rng.integers(0, 256, (4, 5), np.uint8)
    for pixels, expected in ((colour, np.moveaxis(colour, -1, 0)), (grey, grey[None])):
        Image.fromarray(pixels).save(tmp_path / "p", form)
        found = decode(tmp_path / "p", "here", ALL, "mend it")
        assert found.dtype == np.uint8
        assert found.tolist() == expected.tolist()


def test_jpegs_are_close() -> None:
    out = BytesIO()
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    Image.fromarray(np.stack([ramp, ramp.T, 255 - ramp], 2)).save(out, "JPEG", quality=100, subsampling=0)
    found = decode(BytesIO(out.getvalue()), "here", ("JPEG",), "mend it", (3, 8, 8))
    assert np.abs(found.astype(int) - np.stack([ramp, ramp.T, 255 - ramp])).max() <= 4


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "I;16"])
def test_other_kinds_are_refused(mode: str) -> None:
    assert refused(picture(mode)) == f"here: has mode {mode}, must be grey or RGB with 8 bits per channel; mend it"


def test_cmyk_is_refused() -> None:
    assert refused(picture("CMYK", form="JPEG")) == (
        "here: has mode CMYK, must be grey or RGB with 8 bits per channel; mend it"
    )


def test_the_expected_shape_only() -> None:
    assert refused(picture(), expected=(3, 5, 5)) == "here: is 5 x 4 RGB, must be 5 x 5 RGB; mend it"
    assert refused(picture("L"), expected=(3, 4, 5), like=" like a.png") == (
        "here: is 5 x 4 grey, must be 5 x 4 RGB like a.png; mend it"
    )


def test_formats_not_asked_for_are_refused() -> None:
    assert refused(picture(form="PNG"), ("JPEG",)) == "here: is not a readable JPEG picture; mend it"
    assert refused(picture(form="GIF")) == "here: is not a readable PNG, JPEG, BMP, PPM picture; mend it"
    assert refused(BytesIO(b"")) == "here: is not a readable PNG, JPEG, BMP, PPM picture; mend it"


@pytest.mark.parametrize("size", [(1025, 1024), (10000, 10000), (20000, 20000)])  # Pillow warns, then refuses itself
def test_size_is_judged_before_decoding(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: object) -> None:
        raise AssertionError("decoded")

    head = bytearray(picture("L", (1, 1), "BMP").getvalue())
    head[18:26] = size[0].to_bytes(4, "little") + size[1].to_bytes(4, "little")
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    text = refused(BytesIO(bytes(head)))
    if size[0] == 20000:
        assert text.startswith("here: cannot be read (Image size (400000000 pixels) exceeds limit of ")
        assert text.endswith("could be decompression bomb DOS attack.); mend it")
    else:
        assert text == f"here: has {size[0]} x {size[1]} pixels, more than the limit of 1024 x 1024; mend it"


def test_the_largest_size_is_taken() -> None:
    assert decode(picture("L", (1024, 1024)), "here", ALL, "mend it").shape == (1, 1024, 1024)


def test_a_picture_cut_short() -> None:
    whole = picture(size=(64, 64), form="JPEG").getvalue()
    text = refused(BytesIO(whole[:-40]))
    assert re.fullmatch(r"here: cannot be read \(image file is truncated \(\d+ bytes not processed\)\); mend it", text)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "PPM"])
def test_damage_never_escapes_as_another_kind(form: str) -> None:
    good = picture(size=(16, 16), form=form).getvalue()
    refusals = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        for at in rng.integers(0, min(len(data), 200), 3):
            data[at] = rng.integers(256)
        data = data[: int(rng.integers(1, len(data) + 1))]
        try:
            decode(BytesIO(bytes(data)), "here", ALL, "mend it")
        except InputError:
            refusals += 1
    assert refusals > 25
