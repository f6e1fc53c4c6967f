"""The device's weight grid."""

import numpy as np
import pytest
import torch

from codesign.chip.device import Device
from codesign.errors import ConfigError, InputError
from codesign.mapping.cells import most_slices, to_slices
from codesign.train.layers.grid import Grid

DEVICES = [
    Device(levels=2, code_bits=1),
    Device(levels=4, code_bits=2),
    Device(levels=4, code_bits=8),
    Device(levels=4, code_bits=6, spacing="resistance", on_off_ratio=20),
    Device(levels=3, code_bits=5, spacing="table", table=(0.5, 2.0, 9.0)),
]


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: f"{d.levels}-{d.spacing}-{d.code_bits}")
def test_every_weight_is_nearest_in_both_paths(device: Device) -> None:
    grid = Grid(device.weights)
    values = np.array(grid.values)
    v = np.random.default_rng(0).uniform(-1.5 * grid.top, 1.5 * grid.top, 4000)
    codes = grid.codes(torch.from_numpy(v)).numpy()
    assert set(codes.tolist()) <= set(grid.values)
    assert (np.abs(codes - v) == np.abs(values[:, None] - v).min(axis=0)).all()
    assert (grid.nearest(torch.from_numpy(v)).numpy() == codes).all()
    assert (grid.codes(torch.tensor(values)).numpy() == values).all()  # a grid value stays


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: f"{d.levels}-{d.spacing}-{d.code_bits}")
def test_halves_go_up(device: Device) -> None:
    grid = Grid(device.weights)
    v = torch.tensor(grid.values, dtype=torch.float64)
    middle = (v[1:] + v[:-1]) / 2
    assert (grid.codes(middle) == v[1:]).all()
    assert (grid.nearest(middle) == v[1:]).all()


def test_pitch_tells_uniform_grids() -> None:
    assert [Grid(d.weights).pitch for d in DEVICES] == [1, 1, 85, 0, 0]


@pytest.mark.parametrize("values", [(0, 1), (-1, 0, 2), (-1, 1, 0), (-1, 0, 0, 1), ()])
def test_other_tuples_are_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"weight grid: must rise and be symmetric about 0 with at least 3 values"):
        Grid(values)


@pytest.mark.parametrize("slices", [1, 2, 3, 8])
@pytest.mark.parametrize("device", DEVICES, ids=lambda d: f"{d.levels}-{d.spacing}-{d.code_bits}")
def test_training_and_compiler_split_alike(device: Device, slices: int) -> None:
    """Every value of the grid, negative digits among them."""
    slices = min(slices, most_slices(device))
    grid = Grid.sliced(device.weights, slices, device.levels)
    every = torch.tensor(grid.values, dtype=torch.float64)
    digits = [part.numpy() for part in grid.split(every)]
    held = to_slices(np.array(grid.values), device, slices, "fc1")
    assert len(held) == len(digits) == slices
    assert all((a == b).all() for a, b in zip(digits, held, strict=True))
    assert (sum(h * device.levels**s for s, h in enumerate(held)) == grid.values).all()
    assert all((h < 0).any() for h in held)


def test_reserve_is_the_highest_significance() -> None:
    assert [Grid.sliced((-2, -1, 0, 1, 2), slices, 3).reserve for slices in (1, 2, 3)] == [1, 3, 9]


def test_too_many_slices_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"weight grid: 9 slices of 7 values are 40,353,607 combinations, at most"):
        Grid.sliced(DEVICES[1].weights, 9, 4)
