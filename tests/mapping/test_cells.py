"""Weights as differences of two cells."""

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.errors import InputError
from codesign.mapping.cells import to_codes, to_levels, to_weights

DEVICES = [
    pytest.param(Device(levels=2, code_bits=1), id="binary"),
    pytest.param(Device(levels=4, code_bits=2), id="uniform"),
    pytest.param(Device(levels=6, code_bits=5), id="uniform-scaled"),
    pytest.param(Device(levels=3, code_bits=4, on_off_ratio=4.0), id="off-cells-conduct"),
    pytest.param(Device(levels=16, code_bits=8, spacing="resistance", on_off_ratio=20.0), id="resistance"),
    pytest.param(Device(levels=4, code_bits=6, spacing="table", table=(1.0, 2.0, 5.0, 30.0)), id="table"),
]


@pytest.mark.parametrize("device", DEVICES)
def test_round_trip_of_every_weight(device: Device) -> None:
    weight = np.array([device.weights, device.weights[::-1]], dtype=np.int32)
    levels = to_levels(weight, device, "fc1")
    assert levels.shape == (2, 2 * len(device.weights)) and levels.max() < device.levels
    assert (to_weights(to_codes(levels, device)) == weight).all()


@pytest.mark.parametrize("device", DEVICES)
def test_the_pair_that_conducts_least_holds_a_weight(device: Device) -> None:
    codes = device.codes
    for weight, (plus, minus) in device.pairs.items():
        assert codes[plus] - codes[minus] == weight
        least = min(a + b for a in codes for b in codes if a - b == weight)
        assert codes[plus] + codes[minus] == least
    assert device.pairs[0] == (0, 0)


def test_a_weight_no_pair_holds() -> None:
    device = Device(levels=2, code_bits=1)
    with pytest.raises(InputError) as caught:
        to_levels(np.array([[1, 2]]), device, "fc1")
    assert str(caught.value) == (
        "layer fc1: weight 2 is not a difference of two cells; this device holds -1, 0, 1; train for this chip"
    )


def test_plus_and_minus_lie_side_by_side() -> None:
    levels = to_levels(np.array([[3, -2, 0]]), Chip.load("tiny").device, "fc1")
    assert levels.tolist() == [[3, 0, 0, 2, 0, 0]]
