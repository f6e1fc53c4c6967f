"""Quantization after training, layer by layer: scales of the least squared error, and the mean that rounding takes.

Direct quantization and the compiler's of ordinary modules are both made of these.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codesign.fixed import IntType, quantize
from codesign.train.layers.edges import span
from codesign.train.layers.grid import Grid

EPS = float(np.finfo(np.float64).eps)

Real = NDArray[np.float64]


def best_reach(w: Tensor, grid: Grid, candidates: int = 80) -> float:
    """The real value of the grid's largest weight that quantizes `w` with the least squared error.

    Searches `candidates` even steps up to 1.2 times the largest |w|; 1.0 for an all-zero `w`.
    """
    w = w.detach().double().flatten()
    largest = float(w.abs().max())
    if largest == 0:
        return 1.0
    scales = [1.2 * largest * k / candidates / grid.top for k in range(1, candidates + 1)]
    best, best_error = largest, float("inf")
    for scale in promising(w.cpu().numpy(), np.asarray(grid.values, np.float64), scales):
        error = float((grid.codes(w / scale) * scale - w).square().sum())
        if error < best_error:
            best, best_error = scale * grid.top, error
    return best


def reaches(w: Tensor, grid: Grid, like: Tensor) -> Tensor:
    """`best_reach` of weights (outputs first), shaped as `like`: of all of them where it is (), else of each output."""
    if like.dim() == 0:
        return torch.tensor(best_reach(w, grid))
    return torch.tensor([best_reach(row, grid) for row in w]).view(like.shape)


def best_step(y: Real, kind: IntType, candidates: int = 40) -> float:
    """The step of `kind` that quantizes `y` with the least squared error.

    Searches `candidates` even steps up to the one with which nothing is cut off; the largest integer is
    worth 1.0 for all-zero `y`.
    """
    largest = float(np.abs(y).max())
    if largest == 0:
        return 1.0 / span(kind)
    steps = promising(
        y.ravel(),
        np.arange(kind.lo, kind.hi + 1, dtype=np.float64),
        [largest * k / candidates / span(kind) for k in range(1, candidates + 1)],
    )
    errors = [np.square(quantize(y, s, kind) * s - y).sum() for s in steps]
    return float(steps[int(np.argmin(errors))])


def mean_error(exact: Real, rough: Real) -> Real:
    """What a bias has to add so that every output (images, outputs, ...) keeps the mean it has in full precision."""
    error: Real = (exact - rough).mean(axis=(0, *range(2, exact.ndim)))
    return error


def promising(values: Real, points: Real, scales: list[float]) -> list[float]:
    """The scales at which the nearest of `points` times scale may leave the least squared error, in their order.

    Sums over the sorted values tell every error up to a rounding that is bounded here; what is beyond the least by
    more than that cannot be it. All scales, when there are too few values for this to be worth while, or one is no
    number.
    """
    n, square = len(values), float(values @ values)
    if n < 16 * len(points) or not np.isfinite(square):
        return scales
    x = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    magnitude = float(np.abs(values).sum())
    errors, slack = np.empty(len(scales)), np.empty(len(scales))
    for k, scale in enumerate(scales):
        v = points * scale
        cut = np.concatenate([[0], np.searchsorted(x, (points[1:] + points[:-1]) / 2 * scale), [n]])
        both, own = 2 * v @ np.diff(sums[cut]), np.square(v) @ np.diff(cut)
        errors[k] = square - both + own
        slack[k] = 4 * (n + len(points)) * EPS * (square + 2 * float(np.abs(v).max()) * magnitude + own)
    return [scales[k] for k in np.flatnonzero(errors - slack <= (errors + slack).min())]
