"""Post-training quantization of a layer: scales that minimize the squared error, and the mean error of rounding.

Used by `direct` training and by the compiler for ordinary modules.
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


def best_clip(w: Tensor, grid: Grid, candidates: int = 80) -> float:
    """The real value of the grid's largest weight that minimizes the squared error of quantizing `w`.

    Tries `candidates` evenly spaced values up to 1.2 times the largest |w|; 1.0 for an all-zero `w`.
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


def best_clips(w: Tensor, grid: Grid, like: Tensor) -> Tensor:
    """`best_clip` of weights (outputs first) in the shape of `like`: one for all weights if (), else one per output."""
    if like.dim() == 0:
        return torch.tensor(best_clip(w, grid))
    return torch.tensor([best_clip(row, grid) for row in w]).view(like.shape)


def best_scale(y: Real, kind: IntType, candidates: int = 40) -> float:
    """The scale of `kind` that minimizes the squared error of quantizing `y`.

    Tries `candidates` evenly spaced scales up to the smallest one that clips nothing; the largest integer is
    worth 1.0 for all-zero `y`.
    """
    largest = float(np.abs(y).max())
    if largest == 0:
        return 1.0 / span(kind)
    scales = promising(
        y.ravel(),
        np.arange(kind.lo, kind.hi + 1, dtype=np.float64),
        [largest * k / candidates / span(kind) for k in range(1, candidates + 1)],
    )
    errors = [np.square(quantize(y, s, kind) * s - y).sum() for s in scales]
    return float(scales[int(np.argmin(errors))])


def mean_error(exact: Real, rough: Real) -> Real:
    """The correction of each bias that gives every output (images, outputs, ...) its full-precision mean."""
    error: Real = (exact - rough).mean(axis=(0, *range(2, exact.ndim)))
    return error


def promising(values: Real, points: Real, scales: list[float]) -> list[float]:
    """The scales that may minimize the squared error of rounding to the nearest of `points` times scale, in order.

    Sums over the sorted values give every error up to a bounded rounding error; scales beyond the minimum by more
    than that bound are dropped. All scales, if there are too few values for this to pay off, or one is not finite.
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
