"""The user's own arrays: classes in sorted order, a stratified test set, refusals of one line."""

import warnings
from typing import Any

import numpy as np
import pytest

from codesign import Dataset
from codesign.data import of
from tests.data.told import told

X = np.random.default_rng(0).normal(size=(50, 3))
Y = np.array(["b", "a", "c", "a", "a"] * 10)


def test_every_stretch_has_its_share_of_every_class() -> None:
    data = Dataset.of(X, Y)
    assert (data.name, data.classes, data.names, data.is_real) == ("mine", 3, ("a", "b", "c"), True)
    assert np.bincount(data.y_test).tolist() == [6, 2, 2] and np.bincount(data.y_train).tolist() == [24, 8, 8]
    assert np.bincount(data.y_train[:10]).tolist() == [6, 2, 2] == np.bincount(data.y_train[-10:]).tolist()
    assert data.split(10).y_test.size == 10
    rows = {(*x, names) for x, names in zip(X.tolist(), Y.tolist(), strict=True) for x in [tuple(x)]}
    found = [(x, y) for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test))]
    assert {(*r, data.names[k]) for x, y in found for r, k in zip(x.tolist(), y.tolist(), strict=True)} == rows


def test_the_seed_draws_the_test_set() -> None:
    assert of(X, Y).identity == of(X, Y).identity != of(X, Y, seed=1).identity
    assert (len(of(X, Y, test=0.5).y_test), len(of(X, Y, test=0.01).y_test)) == (25, 1)
    assert of(X, Y, name="irises", test=0.3).name == "irises"
    assert Dataset.of(X, Y, scale="feature").scale == "feature"


@pytest.mark.parametrize(
    ("x", "dtype", "shape"),
    [
        (np.arange(100).reshape(50, 2), np.uint8, ()),
        (np.arange(100).reshape(50, 2) * 3, np.float64, ()),
        (np.arange(100).reshape(50, 2) - 1, np.float64, ()),
        (np.arange(100).reshape(50, 2) > 30, np.uint8, ()),
        (np.arange(100.0).reshape(50, 2), np.uint8, ()),
        (np.ones((50, 2, 4), np.float16) / 2, np.float32, (1, 2, 4)),
        (np.ones((50, 2, 4, 3)) / 2, np.float64, (3, 2, 4)),
        (np.ones((50, 3, 2, 4)) / 2, np.float64, (3, 2, 4)),
    ],
)
def test_whole_numbers_that_fit_are_bytes(x: np.ndarray[Any, Any], dtype: type, shape: tuple[int, ...]) -> None:
    data = of(x, Y)
    assert {data.x_train.dtype, data.x_test.dtype} == {np.dtype(dtype)} and data.shape == shape


@pytest.mark.parametrize(
    ("y", "names", "first"),
    [
        ([3, 1, 2, 1, 1], ("1", "2", "3"), 2),
        ([-1, 1, -1, 1, 1], ("-1", "1"), 0),
        ([10.0, 9, 9, 9, 9], ("9", "10"), 1),
        ([True, False, True, False, False], ("False", "True"), 1),
        (["10", "9", "9", "9", "9"], ("10", "9"), 0),
    ],
)
def test_classes_are_numbered_in_sorted_order(y: list[Any], names: tuple[str, ...], first: int) -> None:
    data = of(X, y * 10)
    assert data.names == names
    which = int((np.vstack([data.x_train, data.x_test]) == X[0]).all(axis=1).argmax())
    assert np.concatenate([data.y_train, data.y_test])[which] == first


BAD = X.copy()
BAD[7, 2], BAD[9, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (BAD, Y, {}, "x: 2 values are NaN or infinite, the first at (7, 2); remove them, or fill them in"),
        (X.astype(str), Y, {}, "x: must hold numbers, got <U32; turn text into numbers first"),
        (X * 1j, Y, {}, "x: must hold numbers, got complex128; turn text into numbers first"),
        (X[:, 0], Y, {}, "x must be (images, ...) with at least one image, got shape (50,); correct x"),
        (X[:0], Y[:0], {}, "x must be (images, ...) with at least one image, got shape (0, 3); correct x"),
        (X, Y[:49], {}, "must have one label per row (50), got shape (49,); give one for each"),
        (X, np.eye(50), {}, "must have one label per row (50), got shape (50, 50); give one for each"),
        (X, ["a"] * 50, {}, "must have 2 to 65536 classes, got only class a; check its labels"),
        (X, [0.0, 1.5] * 25, {}, "label of row 1 is 1.5, not a class; give whole numbers or text"),
        (X, [0.0, np.nan] * 25, {}, "label of row 1 is nan, not a class; give whole numbers or text"),
        (X, [None] * 50, {}, "labels must be whole numbers or text, got object; convert them"),
        (X, Y, {"test": 0}, "test must be a share above 0 and below 1, got 0; 0.2 holds out a fifth"),
        (X, Y, {"test": 1.0}, "test must be a share above 0 and below 1, got 1.0; 0.2 holds out a fifth"),
        (
            X,
            Y,
            {"test": 0.99},
            "holding out 50 of 50 rows leaves none of class a to train on; hold out fewer, or add rows",
        ),
        (
            X,
            ["rare"] + ["b"] * 49,
            {"test": 0.6},
            "holding out 30 of 50 rows leaves none of class rare to train on; hold out fewer, or add rows",
        ),
    ],
)
def test_what_does_not_fit_is_refused(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = told(lambda: of(x, y, **options))
    assert said == f"data set mine: {message}"


def test_a_class_of_one_row_is_trained_on() -> None:
    assert of(X, ["rare"] + ["b"] * 49).y_train.tolist().count(1) == 1


def test_names_of_classes_stay_on_their_line() -> None:
    assert of(X, ["a\n\x1b[31m", "b"] * 25).names == ("a\\n\\x1b[31m", "b")
