"""Tables of bit fields: what they refuse, and what they encode, bit by bit."""

import re

import numpy as np
import pytest

from codesign.chip.fields import Code, Codes, Entry, Field, Mask
from codesign.errors import ImageError

SHAPE = Entry(
    "shape",
    "an example",
    (
        Field("small", 0, 0, 3, "1 to 8", less=1),
        Field("sign", 0, 4, 5, "signed", signed=True),
        Field("high", 1, 31, 1, "a flag"),
    ),
    (Mask("first", "arrays"), Mask("second", "arrays")),
)
LANE = Entry("lane", "40 bits", (Field("a", 0, 0, 8, "", signed=True), Field("b", 0, 8, 32, "", signed=True)), word=40)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ((Field("a", 0, 0, 4, ""), Field("b", 0, 3, 2, "")), "x.b: shares bit 3 of word 0 with a"),
        ((Field("a", 0, 0, 4, ""), Field("a", 1, 0, 4, "")), "x.a: appears twice"),
        ((Field("a", 0, 30, 3, ""),), "x.a: bits 32:30 of word 0 lie outside 32 bits"),
        ((Field("a", 0, 3, 0, ""),), "x.a: bits 2:3 of word 0 lie outside 32 bits"),
        ((Field("a", -1, 3, 1, ""),), "x.a: bits 3:3 of word -1 lie outside 32 bits"),
        ((Field("a b", 0, 3, 1, ""),), "x.a b: must be an identifier"),
    ],
)
def test_a_wrong_table_is_not_built(fields: tuple[Field, ...], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Entry("x", "", fields)


def test_a_mask_shares_no_name_either() -> None:
    with pytest.raises(ValueError, match=r"x\.a: appears twice"):
        Entry("x", "", (Field("a", 0, 0, 1, ""),), (Mask("a", ""),))


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ((Code("a", 0, ""), Code("a", 1, "")), "c: a name appears twice, ['a', 'a']"),
        ((Code("a", 1, ""), Code("b", 1, "")), "c: a number appears twice, [1, 1]"),
        ((Code("a", 4, ""),), "c.a: 4 does not fit 2 bits"),
    ],
)
def test_codes_are_told_apart(codes: tuple[Code, ...], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Codes("c", 2, codes)


def test_bits_and_back() -> None:
    record = SHAPE.record(small=8, sign=-3, high=True, first=(0, 33), second=(31,))
    words = SHAPE.encode(record, 2)
    assert words == [7 | 0b11101 << 4, 1 << 31, 1, 2, 1 << 31, 0]
    assert SHAPE.decode(words, 2) == record and record["sign"] == -3 and record.arrays["first"] == (0, 33)
    assert SHAPE.decode([*words, 5], 2) == record, "padding is no part of the entry"
    assert SHAPE.size(2) == len(words)


def test_bits_that_mean_nothing() -> None:
    whole = [0x1F7, 1 << 31, 0xFFFFFFFF, 0xFFFFFFFF]
    assert not SHAPE.strays([*whole, 0, 0], 1)
    for at, bit in ((0, 3), (0, 9), (1, 30), (4, 0)):
        assert SHAPE.strays([w | (1 << bit) * (k == at) for k, w in enumerate([*whole, 0, 0])], 1)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("small", 0, "small must be an integer in 1..8 (3 bits), got 0"),
        ("small", 9, "small must be an integer in 1..8 (3 bits), got 9"),
        ("sign", 16, "sign must be an integer in -16..15 (5 bits), got 16"),
        ("sign", -17, "sign must be an integer in -16..15 (5 bits), got -17"),
        ("high", -1, "high must be an integer in 0..1 (1 bits), got -1"),
        ("high", 0.5, "high must be an integer in 0..1 (1 bits), got 0.5"),
    ],
)
def test_a_value_that_does_not_fit(name: str, value: object, told: str) -> None:
    values = {"small": 1, "sign": 0, "high": 0, "first": (), "second": ()} | {name: value}
    with pytest.raises(ImageError) as caught:
        SHAPE.record(**values)  # type: ignore[arg-type]
    assert str(caught.value) == (f"shape: {told}; this image format cannot hold the program, make it smaller")


def test_arrays_that_a_mask_cannot_name() -> None:
    with pytest.raises(ImageError, match=re.escape("shape: first must name arrays 0 and up, got (-1,); place the")):
        SHAPE.record(small=1, sign=0, high=0, first=(-1,), second=())
    record = SHAPE.record(small=1, sign=0, high=0, first=(32,), second=())
    with pytest.raises(ImageError) as caught:
        SHAPE.encode(record, 1)
    assert str(caught.value) == (
        "shape: first names array 32, its mask has 32 bits; compile for a chip with more arrays"
    )


def test_every_field_has_its_value() -> None:
    with pytest.raises(TypeError, match="shape: takes small, sign, high, first, second, got small"):
        SHAPE.record(small=1)


def test_many_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, 50), rng.integers(-(1 << 31), 1 << 31, 50)
    a[:2], b[:2] = (-128, 127), (-(1 << 31), (1 << 31) - 1)
    packed = LANE.encode_all(a=a, b=b)
    assert [int(p) for p in packed] == [
        LANE.encode(LANE.record(a=x, b=y))[0] for x, y in zip(a.tolist(), b.tolist(), strict=True)
    ]
    back = LANE.decode_all(packed)
    assert (back["a"] == a).all() and (back["b"] == b).all()
    for wrong in (-129, 128):
        with pytest.raises(ImageError, match=r"lane: a must be an integer in -128..127 \(8 bits\), got -?12[89]; "):
            LANE.encode_all(a=[0, wrong], b=[0, 0])
