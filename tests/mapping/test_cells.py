"""Weights as differences of two cells."""

from itertools import product

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.errors import InputError
from codesign.fixed import MULT_BITS, IntType
from codesign.mapping.cells import digits_of, most_slices, to_codes, to_levels, to_slices, to_weights

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


def rank(digits: tuple[int, ...]) -> tuple[int, ...]:
    """Smallest for the chosen one of several ways to hold a value."""
    sizes = [abs(d) for d in digits[::-1]]  # the most significant one first
    return (sum(sizes), *sizes)


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("device", DEVICES)
def test_slices_hold_every_weight_in_the_smallest_way(device: Device, slices: int) -> None:
    """Against every way, one by one."""
    pair, base, slices = device.weights, device.levels, min(slices, most_slices(device))
    ways: dict[int, list[tuple[int, ...]]] = {}
    for digits in product(pair, repeat=slices) if len(pair) ** slices < 10_000 else ():
        ways.setdefault(sum(d * base**s for s, d in enumerate(digits)), []).append(digits)
    values, table = digits_of(pair, slices, base)
    if ways:
        assert values.tolist() == sorted(ways)
        best = [min(ways[v], key=rank) for v in sorted(ways)]
        assert all([rank(d) for d in ways[v]].count(rank(b)) == 1 for v, b in zip(sorted(ways), best, strict=True))
        assert table.tolist() == [list(digits) for digits in best]
    assert (table[::-1] == -table).all()
    weight = np.array([values, values[::-1]], dtype=np.int32)
    held = to_slices(weight, device, slices, "fc1")
    assert [h.dtype for h in held] == [np.int32] * slices and all(h.shape == weight.shape for h in held)
    assert (sum(h * base**s for s, h in enumerate(held)) == weight).all()
    for part in held:
        assert (to_weights(to_codes(to_levels(part, device, "fc1"), device)) == part).all()


def test_digits_by_hand() -> None:
    def of(value: int, pair: tuple[int, ...], slices: int, base: int) -> list[int]:
        values, digits = digits_of(pair, slices, base)
        return list(digits[values.tolist().index(value)].tolist())

    two, three = (-1, 0, 1), (-2, -1, 0, 1, 2)
    assert of(3, two, 2, 2) == [1, 1]
    assert of(-3, two, 2, 2) == [-1, -1]
    assert of(7, two, 4, 2) == [-1, 0, 0, 1]  # 8 - 1 rather than 4 + 2 + 1
    assert of(3, two, 3, 2) == [1, 1, 0]  # as many cells conduct as for 4 - 1; the highest one counts most
    assert of(2, three, 2, 3) == [2, 0]  # rather than 3 - 1
    assert of(-2, three, 2, 3) == [-2, 0]
    assert of(0, (-3, -2, -1, 0, 1, 2, 3), 2, 2) == [0, 0]  # not 2 - 2


@pytest.mark.parametrize("slices", [1, 2])
def test_weights_that_slices_cannot_hold(slices: int) -> None:
    device = Device(levels=2, code_bits=1)
    weight = np.array([[0, 2 * slices, -1]])
    form = "a difference of two cells; this device holds -1, 0, 1" if slices == 1 else (
        "a sum of 2 slices; this device holds -3, -2, -1, 0, 1, 2, 3"
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        to_slices(weight, device, slices, "fc1")
    assert str(caught.value) == f"layer fc1: weight {2 * slices} is not {form}; train for this chip"


def test_more_slices_than_a_device_can_have() -> None:
    many = Device(levels=16, code_bits=4)
    with pytest.raises(InputError) as caught:
        to_slices(np.zeros((2, 2), int), many, 4, "fc1")
    assert str(caught.value) == (
        "layer fc1: 4 slices of 31 values are 923,521 combinations, at most 65,536 are allowed; use fewer slices or a "
        "device with fewer levels"
    )
    with pytest.raises(InputError) as caught:
        to_slices(np.zeros((2, 2), int), Device(levels=4, code_bits=12), 3, "fc1")
    assert str(caught.value) == (
        "layer fc1: 3 slices hold weights of up to 85,995, at most 32,767 fit 16 bits; use fewer slices or a device "
        "with fewer code_bits"
    )


def test_most_slices() -> None:
    found = {
        levels: most_slices(Device(levels=levels, code_bits=8))
        for levels in (*range(2, 20), 31, 63, 64, 127, 128, 129, 256)
    }
    fine = Device(levels=4, code_bits=12)  # 2 slices hold up to 20,475
    assert [found[k] for k in (2, 3, 4, 5, 16, 128, 129)] == [7, 5, 4, 3, 2, 2, 1] and most_slices(fine) == 2
    assert most_slices(Device(levels=2, code_bits=1)) == 8
    for levels, slices in found.items():
        assert IntType(MULT_BITS, True).holds(levels ** (slices - 1))  # the multiplier of the highest slice
