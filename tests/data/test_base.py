"""The record: what it refuses, its digest, its split; and images as integers."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codesign.data import Dataset, Range, to_inputs
from codesign.errors import CodesignWarning, InputError
from codesign.fixed import IntType
from tests.data.told import told


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (IntType(8), [0, 127, 128, 255]),
        (IntType(4), [0, 7, 8, 15]),
        (IntType(1), [0, 0, 1, 1]),
        (IntType(8, True), [-128, -1, 0, 127]),
        (IntType(4, True), [-8, -1, 0, 7]),
        (IntType(1, True), [-1, -1, 0, 0]),
    ],
    ids=str,
)
def test_inputs_keep_the_top_bits(kind: IntType, expected: list[int]) -> None:
    x = np.array([0, 127, 128, 255], np.uint8)
    assert to_inputs(x, kind).tolist() == expected
    assert kind.holds(to_inputs(x, kind))
    assert x.tolist() == [0, 127, 128, 255]
    with pytest.raises(InputError, match=r"inputs: must be uint8 images for 1\.\.8 bits, got int64"):
        to_inputs(x.astype(np.int64), kind)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(1, 9))
def test_of_the_full_range_inputs_are_the_top_bits(bits: int, signed: bool) -> None:
    kind, x = IntType(bits, signed), np.arange(256, dtype=np.uint8)
    assert to_inputs(x, kind, Range(0, 255)).tolist() == [(v >> (8 - bits)) + kind.lo for v in range(256)]


@pytest.mark.parametrize(
    ("span", "kind", "x", "expected"),
    [
        (Range(0, 15), IntType(4), [0, 1, 7, 15], [0, 1, 7, 15]),
        (Range(0, 16), IntType(4), [0, 1, 2, 15, 16, 17, 255], [0, 0, 1, 14, 15, 15, 15]),
        (Range(0, 1), IntType(1), [0, 1], [0, 1]),
        (Range(0, 1), IntType(8), [0, 1], [0, 128]),
        (Range(240, 255), IntType(4), [0, 239, 240, 241, 255], [0, 0, 0, 1, 15]),
        (Range(0, 16), IntType(4, True), [0, 16, 200], [-8, 7, 7]),
        (Range(7, 7), IntType(4), [6, 7, 8], [0, 0, 15]),
    ],
    ids=str,
)
def test_inputs_span_the_range_of_the_data(span: Range, kind: IntType, x: list[int], expected: list[int]) -> None:
    found = to_inputs(np.array(x, np.uint8), kind, span)
    assert found.tolist() == expected
    assert found.dtype == np.int16 and kind.holds(found)


def test_every_range_that_fits_keeps_all_its_values() -> None:
    for bits in range(1, 9):
        for lo in (0, 3, 256 - (1 << bits)):
            for hi in range(lo, min(255, lo + (1 << bits) - 1) + 1):
                x = np.arange(lo, hi + 1, dtype=np.uint8)
                found = to_inputs(x, IntType(bits), Range(lo, hi))
                assert np.unique(found).size == x.size and found[0] == 0
                assert Range(lo, hi).bits <= bits


def test_the_range_is_that_of_the_training_images() -> None:
    x = np.full((6, 16), 3, np.uint8)
    x[2, 5], x[3] = 16, 0
    data = made(x_train=x, x_test=x[:2] + 40, shape=(1, 4, 4))
    assert data.range == Range(0, 16)
    assert data.test_inputs(IntType(4)).tolist() == [[15] * 16] * 2
    assert data.train_inputs(IntType(4), 3).shape == (3, 16)
    small, part = data.downsampled(2), data.split(3)
    assert small.x_train.max() == 6 and small.range == Range(0, 16)
    assert part.x_train.min() == 3 and part.range == Range(0, 16)
    assert made(x_train=np.minimum(x, 15), x_test=x[:2] + 40, shape=(1, 4, 4)).identity != data.identity


def test_bits_that_tell_nothing_apart_are_warned_of() -> None:
    data = made(x_train=np.arange(48, dtype=np.uint8).reshape(6, 8) % 17)
    data.warn_of_range(IntType(5))
    with pytest.warns(CodesignWarning) as caught:
        data.warn_of_range(IntType(8))
    assert str(caught[0].message) == (
        "data set mine: its values 0..16 need 5 bits, inputs have 8; set quantize.input_bits = 5 to spend fewer cycles"
    )


def test_test_images_beyond_the_training_range_are_warned_of() -> None:
    x = np.arange(48, dtype=np.uint8).reshape(6, 8) % 17
    made(x_train=x, x_test=x[:2]).warn_of_range(IntType(5))
    with pytest.warns(CodesignWarning) as caught:
        made(x_train=x, x_test=x[:2] * 4).warn_of_range(IntType(5))
    assert [str(w.message) for w in caught] == [
        "data set mine: 2 of 2 test images have values outside 0..16, the range of the training images, and saturate "
        "there; scale both sets alike"
    ]


def test_inputs_of_more_bits_than_an_image_has_are_refused() -> None:
    assert told(to_inputs, np.zeros((1, 1), np.uint8), IntType(9)) == (
        "inputs: must be uint8 images for 1..8 bits, got uint8 for u9; rescale to 0..255 first"
    )


def made(**changes: Any) -> Dataset:
    x = np.arange(48, dtype=np.uint8).reshape(6, 8)
    y = np.array([0, 1, 2, 0, 1, 2])
    good = {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2], "classes": 3}
    return Dataset("mine", **(good | changes))


def test_shape_is_that_of_the_features_or_nothing() -> None:
    assert made().shape == ()
    assert made().features == 8
    assert made(shape=(2, 2, 2)).shape == (2, 2, 2)
    assert made(shape=(1, 2, 4)).shape == (1, 2, 4)
    assert made(shape=(2, 2, 2)).digest == made().digest


def test_two_classes_will_do() -> None:
    y = np.array([0, 1, 0, 1, 0, 1])
    assert made(y_train=y, y_test=y[:2], classes=2).classes == 2


def test_digest_covers_every_image_and_label() -> None:
    plain = made()
    assert plain.digest == made().digest == 0x9A366448
    x, y = plain.x_train.copy(), plain.y_train.copy()
    x[5, 7] ^= 1
    y[5] = 0
    others = [made(x_train=x), made(y_train=y), made(x_test=x[4:]), made(y_test=y[4:]), made(classes=4)]
    assert len({plain.digest, *(d.digest for d in others)}) == 6
    assert made(x_train=np.asfortranarray(plain.x_train)).digest == plain.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            (
                {part: x},
                f"{part[2:]} images must be non-empty (images, features), uint8 or float, got {x.dtype} {x.shape}; "
                "flatten them, one row each; Dataset.of does so",
            )
            for part, x in (
                ("x_train", np.zeros((6, 8), np.int64)),
                ("x_test", np.zeros((2, 2, 4), np.uint8)),
                ("x_test", np.zeros((0, 8), np.uint8)),
            )
        ),
        (
            {"x_train": np.zeros((6, 8))},
            "train and test images must both be uint8 or both floats, got float64 and uint8; convert them alike",
        ),
        (
            {"x_test": np.array([[0.0] * 8, [0, 1, np.nan, 0, 0, 0, 0, np.inf]])},
            "test image 1 value 2 is nan; remove NaN and infinity",
        ),
        (
            {"y_test": np.array([1])},
            "test labels must be one per image (2), got shape (1,); give the class number of each image",
        ),
        (
            {"y_test": np.array([1, 3])},
            "test labels must lie in 0..2, got 1..3; number the classes from 0, each with training images",
        ),
        (
            {"y_train": np.array([0, 1, 2, 0, 1, -1])},
            "train labels must lie in 0..2, got -1..2; number the classes from 0, each with training images",
        ),
        (
            {"x_test": np.zeros((2, 9), np.uint8)},
            "train and test images must have the same size, got 8 and 9 features; bring them to one size",
        ),
        (
            {"classes": 1, "y_train": np.zeros(6, int), "y_test": np.zeros(2, int)},
            "needs at least 2 classes, got 1; add images of another class",
        ),
        *(
            (
                {"shape": shape},
                "shape must be (channels, height, width) with a product of 8, the features of an image, "
                f"got {shape}; correct it or leave it out",
            )
            for shape in [(1, 2, 3), (2, 4), (8,), (-1, -2, 4)]
        ),
    ],
)
def test_impossible_data_is_refused(changes: dict[str, Any], message: str) -> None:
    assert told(lambda: made(**changes)) == f"data set mine: {message}"


def test_split_holds_out_the_last_training_images() -> None:
    whole = made(shape=(2, 2, 2))
    part = whole.split(2)
    assert (part.name, part.classes, part.shape) == ("mine-validation", 3, (2, 2, 2))
    assert part.x_train.tolist() == whole.x_train[:4].tolist()
    assert part.x_test.tolist() == whole.x_train[4:].tolist()
    assert (part.y_train.tolist(), part.y_test.tolist()) == ([0, 1, 2, 0], [1, 2])
    assert np.shares_memory(part.x_train, whole.x_train) and np.shares_memory(part.x_test, whole.x_train)
    assert whole.split(3).y_train.tolist() == [0, 1, 2]


@pytest.mark.parametrize("last", [-1, 0, 6, 7])
def test_split_leaves_images_on_both_sides(last: int) -> None:
    assert told(made().split, last) == (
        f"data set mine: can hold out 1..5 of its 6 training images, got {last}; choose a number in that range"
    )


@pytest.mark.parametrize("y", [[0, 0, 1, 1, 2, 2], [2, 2, 2, 1, 0, 0], [1, 1, 0, 0, 0, 0]])
def test_split_refuses_images_sorted_by_class(y: list[int]) -> None:
    assert told(made(y_train=np.array(y)).split, 1) == (
        "data set mine: its training images are sorted by class, so the last 1 are not a fair sample; "
        "shuffle images and labels together first"
    )


def test_one_class_alone_is_not_taken_for_sorted() -> None:
    assert made(y_train=np.zeros(6, int)).split(2).y_test.tolist() == [0, 0]


def test_split_leaves_every_class_in_training() -> None:
    assert told(made(y_train=np.array([0, 1, 0, 1, 2, 1])).split, 2) == (
        "data set mine: holding out the last 2 training images leaves none of class 2; "
        "hold out fewer, or shuffle images and labels together first"
    )


def test_data_loads_without_torch() -> None:
    code = "import codesign.data, sys; print([m for m in ('torch', 'sklearn', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def images(height: int, width: int, channels: int = 1) -> Dataset:
    x = np.random.default_rng(0).integers(0, 256, (6, channels * height * width), dtype=np.uint8)
    return Dataset("toy", x, np.arange(6) % 2, x[:2], np.arange(2), 2, (channels, height, width))


def test_downsampling_takes_rounded_means() -> None:
    before = images(6, 4, channels=2)
    after = before.downsampled(2)
    assert after.shape == (2, 3, 2)
    for was, now in ((before.x_train, after.x_train), (before.x_test, after.x_test)):
        assert now.dtype == np.uint8
        for row, small in zip(was.reshape(-1, 2, 6, 4), now.reshape(-1, 2, 3, 2), strict=True):
            for c, i, j in np.ndindex(2, 3, 2):
                mean = row[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].astype(float).mean()
                assert small[c, i, j] == np.floor(mean + 0.5)
    assert before.downsampled(1) is before
    assert after.y_train is before.y_train


def test_downsampling_white_stays_white() -> None:
    white = replace(images(6, 6), x_train=np.full((6, 36), 255, np.uint8))
    assert (white.downsampled(3).x_train == 255).all()


@pytest.mark.parametrize(
    ("data", "got"), [(images(6, 4), "6x4"), (replace(images(6, 6), shape=()), "no images")], ids=["sides", "rows"]
)
def test_downsampling_needs_sides_it_divides(data: Dataset, got: str) -> None:
    assert told(data.downsampled, 3) == (
        f"data set toy: downsample = 3 needs images with sides that it divides, got {got}; "
        "choose a divisor of both sides, or 1"
    )
