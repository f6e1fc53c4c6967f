"""Scales of least squared error, and means that stay."""

import numpy as np
import pytest
import torch

from codesign.fixed import IntType
from codesign.train.layers.fit import best_clip, best_clips, best_scale, mean_error, promising
from codesign.train.layers.grid import Grid
from tests.train.layers.test_grid import DEVICES


def test_best_clip_finds_an_exact_fit_and_takes_zeros() -> None:
    grid = Grid((-3, -2, -1, 0, 1, 2, 3))
    w = torch.tensor(grid.values) * 0.05
    assert best_clip(w, grid, candidates=120) == pytest.approx(0.15)  # 100 of 120 steps of 1.2 times the largest
    assert best_clip(torch.zeros(4), grid) == 1.0


def test_best_clip_clips_outliers_on_a_ternary_grid() -> None:
    w = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    # the least squared error of a ternary quantizer on a unit normal is at 1.224 (known optimum)
    assert best_clip(w, Grid((-1, 0, 1))) == pytest.approx(1.224, abs=0.06)


def every_clip(w: torch.Tensor, grid: Grid, candidates: int = 80) -> float:
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
@pytest.mark.parametrize("n", [3, 100, 9000, pytest.param(40000, marks=pytest.mark.slow)])
def test_the_search_skips_only_what_cannot_be_the_best(kind: str, grid: Grid, n: int) -> None:
    """Bit for bit the clip of trying them all."""
    w = torch.from_numpy(WEIGHTS[kind](np.random.default_rng(n), n).astype(np.float32))
    w[0] = 0.7 * w.abs().max() if w.any() else 0.1
    assert best_clip(w, grid) == every_clip(w, grid)


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


def test_best_scale_clips_a_lone_outlier() -> None:
    y = np.append(np.linspace(0, 1, 1000), 8.0)
    assert best_scale(y, IntType(8)) == pytest.approx(8 / 255, rel=0.01)
    assert best_scale(y, IntType(2)) < 2 / 3
    assert best_scale(np.zeros(3), IntType(2)) == 1 / 3  # a clip of 1, as of weights


@pytest.mark.parametrize("kind", [IntType(8), IntType(8, True), IntType(4), IntType(2, True)], ids=str)
@pytest.mark.parametrize("n", [9, 5000, 30000])
def test_best_scale_is_that_of_trying_every_one(kind: IntType, n: int) -> None:
    rng = np.random.default_rng(n)
    for y in (rng.standard_normal(n), np.maximum(rng.standard_normal(n), 0), rng.exponential(1e-9, n), rng.random(n)):
        y = y.reshape(-1, 3) if n % 3 == 0 else y
        steps = [float(np.abs(y).max()) * k / 40 / max(kind.hi, -kind.lo) for k in range(1, 41)]
        errors = [np.square(np.clip(np.floor(y / s + 0.5), kind.lo, kind.hi) * s - y).sum() for s in steps]
        assert best_scale(y, kind) == steps[int(np.argmin(errors))]


def test_clips_of_all_weights_or_of_each_output() -> None:
    grid, w = Grid((-1, 0, 1)), torch.tensor([[0.1, -0.1], [4.0, 0.0]])
    assert best_clips(w, grid, torch.zeros(())).tolist() == pytest.approx(best_clip(w, grid))
    each = best_clips(w, grid, torch.zeros(2, 1))
    assert each.shape == (2, 1) and each.flatten().tolist() == pytest.approx([best_clip(row, grid) for row in w])


def test_the_mean_error_is_per_output_whatever_the_form() -> None:
    rng = np.random.default_rng(0)
    exact, rough = rng.standard_normal((5, 3, 2, 4)), rng.standard_normal((5, 3, 2, 4))
    expected = [float(np.mean((exact - rough)[:, c])) for c in range(3)]
    assert mean_error(exact, rough).tolist() == pytest.approx(expected)
    assert mean_error(exact[..., 0, 0], rough[..., 0, 0]).shape == (3,)
