"""What inputs are worth: the integers that training uses are those that real numbers give back, one by one."""

import warnings
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.data import Dataset, Range, of, to_inputs
from codesign.errors import CodesignWarning
from codesign.fixed import IntType
from codesign.ir import Network
from codesign.ir.real import to_integers
from tests.data.told import told
from tests.hdl.programs import net

TINY = Chip.load("tiny")
KINDS = [IntType(bits, signed) for bits in range(1, 9) for signed in (False, True)]


def network(data: Dataset, kind: IntType) -> Network:
    """One that reads the data's inputs."""
    s, made = data.scaling(kind), net([data.features, 2], TINY, data.input_type(kind))
    return Network("n", data.features, made.input, made.nodes, s.step, (), s.scales, s.offset)


def rows(x: np.ndarray[Any, Any], **more: Any) -> Dataset:
    y = np.arange(len(x)) % 2
    return Dataset("mine", x, y, x, y, 2, **more)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bytes_give_the_integers_of_training_for_every_value_and_range(kind: IntType) -> None:
    x = np.arange(256, dtype=np.uint8).reshape(2, 128)
    ends = [(lo, hi) for lo in (0, 1, 3, 7, 100, 254, 255) for hi in range(lo, 256, 5 if kind.bits in (3, 8) else 31)]
    assert len(ends) > 40
    for lo, hi in ends:
        data = rows(x, spread=Range(lo, hi))
        expected = to_inputs(x, kind, Range(lo, hi))
        assert (data.test_inputs(kind) == expected).all()
        assert (data.scaling(kind).integers(x, kind) == expected).all(), (lo, hi)
        assert (to_integers(network(data, kind), x) == expected).all(), (lo, hi)
        assert (to_integers(network(data, kind), x.astype(np.float32)) == expected).all(), (lo, hi)


def test_a_byte_that_becomes_an_integer_is_worth_it_within_half_a_step() -> None:
    x = np.arange(256, dtype=np.uint8).reshape(2, 128)
    for kind in KINDS:
        s = rows(x).scaling(kind)
        worth = s.offset[0] + s.step * to_inputs(x, kind)
        assert np.abs(worth - x).max() <= s.step / 2


def wide(seed: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
    """Features of very different ranges, some of them below 0, one constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 6)) * 10.0 ** rng.integers(-6, 6, 6) + rng.normal(size=6) * 100
    x[:, 4] = -3.25
    return x * scale


@pytest.mark.parametrize("scale", ["set", "feature"])
@pytest.mark.parametrize("kind", [IntType(1), IntType(2, True), IntType(4), IntType(8), IntType(8, True)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_what_the_network_makes_of_them(kind: IntType, scale: str, dtype: type) -> None:
    for seed in range(20):
        data = rows(wide(seed).astype(dtype)).scaled(scale)
        found = data.train_inputs(kind)
        made = data.input_type(kind)
        assert made.signed and made.bits == kind.bits, "values below 0 make inputs signed"
        assert (to_integers(network(data, kind), data.x_train) == found).all()
        assert (found.min(), found.max()) == (made.lo, made.hi)
        if scale == "feature":
            varied = np.ptp(data.x_train, axis=0) > 0
            assert varied.sum() >= 3
            assert (found[:, varied].min(axis=0) == made.lo).all() and (found[:, varied].max(axis=0) == made.hi).all()
            assert (found[:, 4] == 0).all(), "a constant is 0"


def test_numbers_above_0_stay_unsigned_and_use_every_integer() -> None:
    x = np.linspace(11.0, 14.0, 64).reshape(32, 2)
    data = rows(x)
    assert data.input_type(IntType(4)) == IntType(4)
    assert np.unique(data.train_inputs(IntType(4))).tolist() == list(range(16))
    s = data.scaling(IntType(4))
    assert (s.step, s.scales, s.offset) == (0.2, (), (11.0,))
    assert data.test_inputs(IntType(4, True)).min() == -8


def test_bytes_feature_by_feature() -> None:
    x = np.array([[0, 7, 100], [16, 7, 104], [8, 7, 102], [4, 7, 101]], np.uint8)
    data = rows(x).scaled("feature")
    assert data.ranges == (Range(0, 16), Range(7, 7), Range(100, 104))
    assert (str(data.range), data.scaled("set").range) == ("0..104", Range(0, 104))
    assert data.train_inputs(IntType(2)).tolist() == [[0, 0, 0], [3, 0, 3], [2, 0, 2], [1, 0, 1]]
    assert (to_integers(network(data, IntType(2)), x) == data.train_inputs(IntType(2))).all()


def test_ranges_are_those_of_all_training_rows() -> None:
    x = np.array([[0.75, 2.0], [1.0, 2.0], [0.5, 3.0], [1.5, -1.0]])
    data = rows(x).scaled("feature")
    held = data.split(2)
    assert held.ranges == data.ranges == (Range(0.5, 1.5), Range(-1.0, 3.0))
    assert held.test_inputs(IntType(3)).tolist() == data.train_inputs(IntType(3))[2:].tolist()
    assert len({data.identity, rows(x).identity, rows(x.astype(np.float32)).identity, held.identity}) == 4
    assert rows(x * 1.0).identity == rows(x).identity


def test_real_images_are_averaged_without_rounding() -> None:
    x = np.array([[0.5, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 2.0]])
    small = rows(x, shape=(1, 2, 2)).downsampled(2)
    assert small.x_train.tolist() == [[0.875], [1.25]] and small.range == Range(0.0, 2.0)
    assert rows(x, shape=(1, 2, 2)).scaled("feature").downsampled(2).ranges == (Range(0.875, 1.25),)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[-1e308, 0.0], [1e308, 0.5]], "its range -1e+308..1e+308 cannot be divided into 255 steps"),
        ([[0.0, 0.0], [1e-320, 0.0]], "its range 0..9.99989e-321 cannot be divided into 255 steps"),
    ],
)
def test_ranges_beyond_float64(x: list[list[float]], message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = rows(np.array(x))
        assert told(data.test_inputs, IntType(8)) == f"data set mine: {message}; rescale the data"
        said = told(data.scaled("feature").test_inputs, IntType(8))
    assert said == f"data set mine: feature 0: {message}; rescale the data"


def test_tiny_and_huge_constants() -> None:
    data = rows(np.array([[0.0, 1e-310, -1e308], [0.0, 1e-310, -1e308]]), scale="feature")
    assert data.test_inputs(IntType(8)).tolist() == [[0, 0, 0]] * 2


def test_features_that_vanish_in_the_range_of_the_set_are_warned_of() -> None:
    x = np.random.default_rng(0).random((50, 3)) * [1.0, 2.0, 1000.0]
    with pytest.warns(CodesignWarning) as caught:
        rows(x).warn_of_range(IntType(8))
    assert [str(w.message) for w in caught] == [
        "data set mine: 2 of its 3 features vary by less than one step, 3.91, of its range "
        f'{rows(x).range}; set data.scale = "feature"'
    ]
    rows(x).scaled("feature").warn_of_range(IntType(8))


def test_test_values_beyond_the_training_range_are_warned_of() -> None:
    x, y = np.random.default_rng(0).random((50, 2)), np.arange(50) % 2
    Dataset("mine", x, y, x[:, ::-1], y, 2).warn_of_range(IntType(8))
    few = np.random.default_rng(1).random((50, 2)) * 1.06
    assert (few > x.max(axis=0)).sum() > 1, "so many lie outside by chance"
    Dataset("mine", x, y, few, y, 2, scale="feature").warn_of_range(IntType(8))
    with pytest.warns(CodesignWarning, match=r"mine: 24 of 100 test values lie outside the ranges of the training"):
        Dataset("mine", x, y, x * 1.2, y, 2, scale="feature").warn_of_range(IntType(8))


def test_scale_is_one_of_two_words() -> None:
    assert told(rows(wide(0)).scaled, "row") == (
        'data set mine: scale must be "set" or "feature", got \'row\'; choose one'
    )
    assert of(wide(0), np.arange(40) % 3).scale == "set"
