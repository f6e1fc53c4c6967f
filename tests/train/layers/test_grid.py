"""The device's weight grid."""

import numpy as np
import pytest
import torch

from codesign.chip.description import Device
from codesign.errors import InputError
from codesign.train.layers.grid import Grid, best_reach, promising

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
    with pytest.raises(InputError, match=r"weight grid: must rise and mirror about 0 with at least 3 values"):
        Grid(values)


def test_best_reach_finds_an_exact_fit_and_takes_zeros() -> None:
    grid = Grid((-3, -2, -1, 0, 1, 2, 3))
    w = torch.tensor(grid.values) * 0.05
    assert best_reach(w, grid, candidates=120) == pytest.approx(0.15)  # 100 of 120 steps of 1.2 times the largest
    assert best_reach(torch.zeros(4), grid) == 1.0


def test_best_reach_clips_outliers_on_a_ternary_grid() -> None:
    w = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    # the least squared error of a ternary quantizer on a unit normal is at 1.224 (known optimum)
    assert best_reach(w, Grid((-1, 0, 1))) == pytest.approx(1.224, abs=0.06)


def every_reach(w: torch.Tensor, grid: Grid, candidates: int = 80) -> float:
    """The search as its definition says: the error of every candidate, one after the other."""
    w = w.detach().double().flatten()
    largest = float(w.abs().max())
    best, best_error = largest, float("inf")
    for k in range(1, candidates + 1):
        scale = 1.2 * largest * k / candidates / grid.top
        error = float((grid.codes(w / scale) * scale - w).square().sum())
        if error < best_error:
            best, best_error = scale * grid.top, error
    return best


GRIDS = [*(Grid(d.weights) for d in DEVICES), Grid.sliced((-1, 0, 1), 3, 2), Grid(tuple(range(-255, 256)))]
WEIGHTS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
    "heavy tails": lambda rng, n: rng.standard_t(2, n),
    "two values": lambda rng, n: rng.choice([-0.3, 0.1], n),
    "on the grid": lambda rng, n: rng.integers(-3, 4, n) * 0.05,
    "mostly zero": lambda rng, n: rng.standard_normal(n) * (rng.random(n) < 0.02),
    "positive": lambda rng, n: rng.exponential(1e-20, n),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: str(len(g.values)))
@pytest.mark.parametrize("n", [3, 100, 9000, 40000])
def test_the_search_skips_only_what_cannot_be_the_best(kind: str, grid: Grid, n: int) -> None:
    """Bit for bit the reach of trying them all."""
    w = torch.from_numpy(WEIGHTS[kind](np.random.default_rng(n), n).astype(np.float32))
    w[0] = 0.7 * w.abs().max() if w.any() else 0.1
    assert best_reach(w, grid) == every_reach(w, grid)


def test_the_search_tries_few() -> None:
    """Or it would not be fast; values so few that sorting costs more are tried at every scale."""
    w, points = np.random.default_rng(0).standard_normal(50000), np.arange(-3.0, 4)
    scales = [float(k) / 50 for k in range(1, 81)]
    assert len(promising(w, points, scales)) == 1
    assert promising(w[:50], points, scales) == promising(np.append(w, np.nan), points, scales) == scales


def test_equal_errors_keep_the_first() -> None:
    """A tie is told by the errors themselves, not by sums that round otherwise."""
    w = np.repeat([-1.0, 1.0], 500)
    assert promising(w, np.arange(-1.0, 2), [0.5, 1.5, 2.0, 1.75])[:2] == [0.5, 1.5]
