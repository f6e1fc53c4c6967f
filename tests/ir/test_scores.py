"""Real numbers in and out of an integer network, and labels that fit its outputs."""

import warnings
from typing import Any

import numpy as np
import pytest

from codesign import ir
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir.labels import accuracy, check_labels
from codesign.ir.real import meaning
from tests.ir.networks import toy


def told(call: Any, *args: Any) -> str:
    with pytest.raises(InputError) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_inputs_are_the_nearest_integers_halves_up() -> None:
    network = toy(step=0.5, scales=(1.0, 2.0, 4.0, 0.5, 1.0), offset=(0.0, 0.0, 1.0, 0.0, -1.0))
    x = np.array([[0.25, -0.5, 2.0, 10.0, -1.25], [0.2499, -0.51, 0.99, -10.0, 1e308]])
    assert network.quantize(x).tolist() == [[1, 0, 1, 7, 0], [0, -1, 0, -8, 7]]
    assert network.quantize(x[:1].astype(np.float32)).tolist() == [[1, 0, 1, 7, 0]]
    assert network.quantize(x.tolist()).tolist() == network.quantize(x.reshape(2, 5, 1)).tolist()
    assert network.quantize(np.zeros((0, 5))).shape == (0, 5)


def test_the_nearest_integer_is_worth_the_number_within_half_a_step() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        step, offset = float(rng.uniform(1e-3, 1e3)), float(rng.normal())
        network = toy(step=step, offset=(offset,))
        q = rng.integers(-8, 8, (1, 5))
        assert (network.quantize(offset + step * q) == q).all()
        x = offset + step * rng.uniform(-8, 7, (20, 5))
        assert np.abs(offset + step * network.quantize(x) - x).max() <= step * 0.5000001


def test_scores_are_outputs_times_their_step() -> None:
    network = toy(output_step=0.125)
    x = np.random.default_rng(0).normal(size=(6, 5))
    scores = network.predict(x)
    assert scores.dtype == np.float64 and (scores == network.run(network.quantize(x)) / 8).all() and scores.any()
    assert (ir.to_reals(network, np.array([[8, -4, 1]])) == [[1.0, -0.5, 0.125]]).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0, 1, 2, 3]], "must be numbers of shape (images, 5), or images of 5, got int64 (1, 4); "),
        (np.zeros(5), "must be numbers of shape (images, 5), or images of 5, got float64 (5,); "),
        ([list("abcde")], "must be numbers of shape (images, 5), or images of 5, got <U1 (1, 5); "),
        ([[0, 1, 2, np.nan, 4]], "image 0 value 3 is nan; remove NaN and infinity"),
        ([[0] * 5, [0, -np.inf, 2, 3, 4]], "image 1 value 1 is -inf; remove NaN and infinity"),
    ],
)
def test_what_are_no_inputs(x: Any, message: str) -> None:
    assert told(toy().quantize, x).startswith(f"inputs: {message}")


@pytest.mark.parametrize("step", [1e-300, 1e300])
def test_steps_that_float64_cannot_hold(step: float) -> None:
    said = told(ir.verify, toy(step=step, scales=(step,)))
    assert said == f"network toy: step * scales must be a finite number above 0, got {step} * {step}"


def test_meaning() -> None:
    assert meaning(toy()) == ("5 x i4, q stands for 0.25 q", "3 x i32, q stands for 1 q")
    one = toy(scales=(2.0,), offset=(-1.5,), output_step=0.01)
    assert meaning(one) == ("5 x i4, q stands for -1.5 + 0.5 q", "3 x i32, q stands for 0.01 q")
    each = toy(scales=(1.0, 2.0, 3.0, 4.0, 5.0), offset=(0.5,))
    assert meaning(each)[0] == "5 x i4, each feature its own step"
    each = toy(scales=(1.0, 2.0, 3.0, 4.0, 5.0), offset=(0.5, 1.0, 0.0, 0.0, 0.0), input=IntType(3))
    assert meaning(each)[0] == "5 x u3, each feature its own step and each feature its own offset"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "must be one for each image (3), got shape (2,); give as many as images"),
        (np.eye(3), "must be one for each image (3), got shape (3, 3); give as many as images"),
        ([0, 1, 0.5], "must be whole numbers 0..2, got 0.5; number the classes from 0"),
        ([0, 1, np.nan], "must be whole numbers 0..2, got nan; number the classes from 0"),
        (["a", "b", "c"], "must be whole numbers 0..2, got a; number the classes from 0"),
        (
            [0, 3, 4],
            "must lie in 0..2, outputs of the network, image 1 has 3; number the classes as in training",
        ),
        ([0, -1, 0], "must lie in 0..2, outputs of the network, image 1 has -1; number the classes as in training"),
        (
            [0, np.inf, 0],
            "must lie in 0..2, outputs of the network, image 1 has inf; number the classes as in training",
        ),
    ],
)
def test_labels_that_do_not_fit(labels: Any, message: str) -> None:
    assert told(check_labels, labels, 3, 3) == f"labels: {message}"


def test_accuracy_is_a_percentage_of_images() -> None:
    outputs = np.array([[1, 2, 0], [5, 1, 1], [0, 0, 7]])
    assert accuracy(outputs, check_labels([1.0, 0, 2], 3, 3)) == 100.0
    assert accuracy(outputs, check_labels(np.array([[1], [1], [2]], np.uint8), 3, 3)) == pytest.approx(200 / 3)
    assert told(accuracy, outputs[:0], check_labels([], 0, 3)) == "inputs: has no images; accuracy needs at least one"
