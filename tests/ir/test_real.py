"""Real numbers in and out of an integer network."""

from typing import Any

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import verify
from codesign.ir.real import to_integers, to_reals
from tests.ir.networks import residual, toy

HALVES = toy(step=0.5, input=IntType(4, True))  # 5 features of i4


def test_nearest_halves_up_and_clamped() -> None:
    x = [[0.0, 0.24, 0.25, -0.25, -0.26], [3.5, 3.75, 100.0, -4.0, -1e308]]
    assert to_integers(HALVES, x).tolist() == [[0, 0, 1, 0, -1], [7, 7, 7, -8, -8]]
    assert to_reals(toy(output_step=0.25), np.array([[3, -2]])).tolist() == [[0.75, -0.5]]


def test_scales_and_offset_of_every_feature() -> None:
    network = verify(toy(step=0.5, scales=(1.0, 2.0, 4.0, 1.0, 1.0), offset=(10.0, 0.0, 0.0, -1.0, 0.0)))
    assert to_integers(network, [[11.0, 2.0, 8.0, 0.0, 0.5]]).tolist() == [[2, 2, 4, 2, 1]]
    one = verify(toy(step=1.0, offset=(-3.0,)))
    assert to_integers(one, [[0, -1, -3, -4, -300]]).tolist() == [[3, 2, 0, -1, one.input.lo]]


def test_offsets_of_channels() -> None:
    network = verify(residual(step=1.0, offset=(1.0, 5.0)))
    x = np.ones((1, 2, 4, 4)) * [[[[3]], [[6]]]]
    assert to_integers(network, x).tolist() == [[2] * 16 + [1] * 16]
    assert (to_integers(network, x.reshape(1, 32)) == to_integers(network, x)).all()


@pytest.mark.parametrize(
    ("x", "told"),
    [
        ([[1.0, 2.0, np.nan, 0, 0]], "inputs: image 0 value 2 is nan; remove NaN and infinity"),
        ([[1.0, 2.0, 0, 0, -np.inf]], "inputs: image 0 value 4 is -inf; remove NaN and infinity"),
        (
            [[1.0, 2.0]],
            "inputs: must be numbers of shape (images, 5), or images of 5, got float64 (1, 2); "
            "bring every image to this size",
        ),
        (
            [1.0, 2.0, 3.0, 4.0, 5.0],
            "inputs: must be numbers of shape (images, 5), or images of 5, got float64 (5,); "
            "bring every image to this size",
        ),
    ],
)
def test_what_is_refused(x: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        to_integers(HALVES, x)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scales": (1.0, 2.0)}, "network toy: scales must be a tuple of 0, 1, 5 numbers, got 2"),
        ({"offset": [0.0]}, "network toy: offset must be a tuple of 0, 1, 5 numbers, got list"),
        ({"scales": (0.0,)}, "network toy: scales must be finite and above 0, got 0.0"),
        ({"offset": (float("nan"),)}, "network toy: offset must be finite, got nan"),
        ({"output_step": 0.0}, "network toy: output_step must be a finite number above 0, got 0.0"),
    ],
)
def test_rules(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        verify(toy(**changes))
    assert str(caught.value) == told
