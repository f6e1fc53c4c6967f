"""The input stream is packed as docs/image.md says."""

import re
from pathlib import Path

import numpy as np
import pytest

from codesign.fixed import IntType
from codesign.sim.streams import beats

PAGE = (Path(__file__).parents[2] / "docs" / "image.md").read_text(encoding="utf-8").split("## Streams")[1]


def picture() -> np.ndarray:
    """The example's picture, (channels, height, width)."""
    rows = re.findall(r"^\| (\d) \| ([-\d, ]+) \| ([-\d, ]+) \|$", PAGE, re.MULTILINE)
    assert [channel for channel, *_ in rows] == ["0", "1"]
    return np.array([[[int(v) for v in row.split(",")] for row in both] for _, *both in rows])


def told() -> list[tuple[int, int, bool]]:
    """The example's beats."""
    rows = re.findall(r"^\| \d \| `(0x\w+)` \| `(0x\w+)` \| (\d) \|$", PAGE, re.MULTILINE)
    return [(int(data, 16), int(keep, 16), last == "1") for data, keep, last in rows]


def test_the_example_of_the_page() -> None:
    values = picture()
    kind = IntType(4, signed=True)
    assert values.shape == (2, 2, 3) and (values.min(), values.max()) == (kind.lo, kind.hi)
    assert len(told()) == 2 and beats(values, 8) == told()


def test_the_same_example_without_sign_extension() -> None:
    (first,) = re.findall(r"beat 0 may as well be `(0x\w+)`", PAGE)
    assert beats(picture() & 0xF, 8)[0][0] == int(first, 16)


@pytest.mark.parametrize(
    ("count", "width", "keeps"),
    [(8, 4, [0xF, 0xF]), (9, 4, [0xF, 0xF, 0x1]), (1, 4, [0x1]), (3, 1, [1, 1, 1])],
)
def test_only_the_last_beat_is_padded_and_last(count: int, width: int, keeps: list[int]) -> None:
    found = beats(np.arange(1, count + 1), width)
    assert [keep for _, keep, _ in found] == keeps
    assert [last for *_, last in found] == [False] * (len(keeps) - 1) + [True]
    data = b"".join(data.to_bytes(width, "little") for data, *_ in found)
    assert data == bytes(range(1, count + 1)) + bytes(len(keeps) * width - count)


def test_equal_beats_are_not_all_last() -> None:
    assert [last for *_, last in beats(np.zeros(9, np.uint8), 1)] == [False] * 8 + [True]
