"""The integers of a matrix: rounded to the nearest (normal effort), or chosen together (high effort)."""

import numpy as np
import torch

from codesign.fixed import Ints
from codesign.frontend.graph import Real
from codesign.frontend.moments import Moments
from codesign.train.layers.grid import Grid

CANDIDATES = 24  # clips tried for a column, up to 1.2 times its largest weight
STARTS = (1.0, 0.6, 0.8, 1.25, 1.6)  # of the best rounding's scale: descent ends where it starts from
PASSES = 20  # over all inputs; most columns settle in five
SMALL = 1 << 18  # weights up to which every start is tried


def rounded(m: Moments, grid: Grid, shared: bool) -> tuple[Ints, Real]:
    """Codes (outputs, inputs) nearest to the weights, and their scales (outputs,): those of smallest output error.

    Every column has its own scale unless they are `shared`.
    """
    return _flat(*_nearest(m, grid, shared))


def reconstructed(m: Moments, grid: Grid, shared: bool) -> tuple[Ints, Real]:
    """Like `rounded`, but each integer makes up for the errors of the others.

    Descends one input after the other: the grid value that minimizes the output error given all others, for all columns
    at once. Scales follow by least squares after every pass.
    """
    best, scale = _nearest(m, grid, shared)
    _, error = m.fit(best, scale, shared)
    for start in STARTS if m.weight.size <= SMALL else STARTS[:1]:
        codes, own = _descend(m, grid, scale * start, shared)
        own, found = m.fit(codes, own, shared)
        better = found.sum() < error.sum() if shared else found < error
        best, scale, error = (np.where(better, a, b) for a, b in ((codes, best), (own, scale), (found, error)))
    return _flat(best, scale)


def _nearest(m: Moments, grid: Grid, shared: bool) -> tuple[Real, Real]:
    largest = np.abs(m.weight).max(axis=None if shared else 2, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)
    codes, scales = np.zeros_like(m.weight), np.broadcast_to(largest / grid.top, (*m.weight.shape[:2], 1))
    errors = np.full(scales.shape, np.inf)
    for k in range(1, CANDIDATES + 1):
        clip = 1.2 * k / CANDIDATES * largest
        tried = _to_grid(m.weight / (clip / grid.top), grid)
        own, error = m.fit(tried, clip / grid.top, shared)
        better = error.sum() < errors.sum() if shared else error < errors
        codes, scales, errors = (np.where(better, a, b) for a, b in ((tried, codes), (own, scales), (error, errors)))
    return codes, scales


def _descend(m: Moments, grid: Grid, scale: Real, shared: bool) -> tuple[Real, Real]:
    codes = _to_grid(m.weight / scale, grid)
    own = np.diagonal(m.hessian, axis1=1, axis2=2)  # (groups, inputs), positive
    for _ in range(PASSES):
        scale, _ = m.fit(codes, scale, shared)
        pull = codes @ m.hessian - m.target / scale  # gradient (groups, outputs, inputs)
        moved = False
        for i in range(codes.shape[2]):
            new = _to_grid(codes[:, :, i] - pull[:, :, i] / own[:, None, i], grid)
            change = new - codes[:, :, i]
            if change.any():
                pull += change[:, :, None] * m.hessian[:, None, i, :]
                codes[:, :, i], moved = new, True
        if not moved:
            break
    return codes, scale


def _to_grid(v: Real, grid: Grid) -> Real:
    if grid.pitch:
        ends = len(grid.values) // 2
        return np.asarray(np.clip(np.floor(v / grid.pitch + 0.5), -ends, ends) * grid.pitch)
    return np.asarray(grid.nearest(torch.from_numpy(np.ascontiguousarray(v))).numpy())


def _flat(codes: Real, scales: Real) -> tuple[Ints, Real]:
    return codes.reshape(-1, codes.shape[2]).astype(np.int64), np.broadcast_to(scales, (*codes.shape[:2], 1)).ravel()
