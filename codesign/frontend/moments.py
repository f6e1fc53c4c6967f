"""What calibration tells about a matrix: how its inputs vary together, and with the outputs they should give."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codesign.arrays import evenly
from codesign.fixed import Ints
from codesign.frontend.graph import Matrix, Real

ROWS = 1 << 16  # input vectors that a convolution's moments take at most
WORK = 1 << 32  # multiplications that moments may take ...
LEAST = 2048  # ... unless that left fewer vectors than these
PRIOR = 0.01  # share of the mean variance that speaks for the real weights: inputs that never vary round to nearest
STILL = 0.05  # share of the mean variance below which an input hardly varies


@dataclass(frozen=True, eq=False)
class Moments:
    """Squared error of `scale * codes` as outputs of the integer inputs: a quadratic form, per convolution group.

    error(codes, scale) = scale^2 codes H codes - 2 scale codes . R + constant. Means are taken out: biases absorb them.
    weight is the real one per unit of integer input: codes times scale shall come close to it.
    """

    weight: Real  # (groups, outputs, inputs)
    hessian: Real  # H (groups, inputs, inputs)
    target: Real  # R (groups, outputs, inputs)

    def fit(self, codes: Real, otherwise: Real, shared: bool) -> tuple[Real, Real]:
        """The scales (groups, outputs, 1) that minimize the error of `codes`, and the errors less their constant.

        shared: one scale for all columns. `otherwise` where no positive scale helps.
        """
        along = (codes * self.target).sum(axis=2, keepdims=True)
        power = (codes * (codes @ self.hessian)).sum(axis=2, keepdims=True)
        num, den = (along.sum(), power.sum()) if shared else (along, power)
        good = (num > 0) & (den > 0)
        best = np.where(good, num / np.where(good, den, 1.0), otherwise)
        return best, best * best * power - 2 * best * along


def moments(op: Matrix, q: Ints, scale: Real, product: Real) -> Moments:
    """Moments of a matrix whose integer inputs `q` (images, ...) shall give `product` (images, outputs, ...), no bias.

    scale: real value of an integer input, one per row of the matrix.
    """
    inputs, outputs = _vectors(op, q, product)
    weight = op.weight.reshape(op.groups, len(op.weight) // op.groups, -1) * scale
    size = weight.shape[2]
    x = inputs - inputs.mean(axis=1, keepdims=True)  # (groups, vectors, inputs)
    y = outputs - outputs.mean(axis=1, keepdims=True)  # (groups, vectors, outputs)
    hessian, target = x.transpose(0, 2, 1) @ x, y.transpose(0, 2, 1) @ x
    variance = np.trace(hessian, axis1=1, axis2=2)[:, None, None] / size
    weight = _tame(weight, np.diagonal(hessian, axis1=1, axis2=2)[:, None, :], variance)
    prior = np.where(variance > 0, PRIOR * max(1.0, size / x.shape[1]) * variance, 1.0)
    return Moments(weight, hessian + prior * np.eye(size), target + prior * weight)


def tamed(op: Matrix, x: Real) -> Real:
    """The weights of a matrix that reads x (images, ...); those of inputs that hardly vary no larger than matters."""
    own = x.reshape(len(x), x.shape[1], -1).var(axis=(0, 2)) if op.window is not None else x.reshape(len(x), -1).var(0)
    each = op.weight.reshape(op.groups, len(op.weight) // op.groups, -1)  # (groups, outputs, inputs)
    grouped = np.repeat(own, each.shape[2] * op.groups // len(own)).reshape(op.groups, 1, -1)
    mean = grouped.mean(axis=2, keepdims=True)
    return np.where(grouped < STILL * mean, _tame(each, grouped, mean), each).reshape(op.weight.shape)


def muted(weight: Real, y: Real) -> Real:
    """Weights (outputs first) of outputs y (images, outputs, ...) that never change, no larger than all others.

    A unit that is dead speaks for nothing either, and its weights grow unhindered.
    """
    still = np.ptp(y, axis=(0, *range(2, y.ndim))) == 0
    if still.all() or len(y) < 2:
        return weight
    most = np.abs(weight[~still]).max()
    return np.where(still.reshape(-1, *(1,) * (weight.ndim - 1)), np.clip(weight, -most, most), weight)


def _tame(weight: Real, own: Real, mean: Real) -> Real:
    """Weights of inputs that hardly vary, no larger than matters.

    Batch norm of a pixel that is black throughout folds into a weight hundreds of times as large as any other; it would
    set the scale of its column, and speaks for nothing. own: each input's variance; mean: that of all inputs.
    """
    share = np.sqrt(np.divide(own, mean, out=np.ones_like(own), where=mean > 0))
    most = (np.abs(weight) * share).max(axis=2, keepdims=True)
    return np.asarray(np.clip(weight, -most, most))


def _vectors(op: Matrix, q: Ints, product: Real) -> tuple[Real, Real]:
    """Input vectors (groups, vectors, inputs) and their outputs (groups, vectors, outputs), some of all."""
    size = op.weight[0].size
    most = min(ROWS, max(LEAST, WORK // (size * size * op.groups)))
    images = evenly(len(q), most)
    x, y = q[images].astype(np.float64), product[images]
    if op.window is None:
        return x.reshape(1, len(x), -1), y[None]
    (above, beside), (down, across) = op.window.padding, op.window.stride
    padded = np.pad(x, ((0, 0), (0, 0), (above, above), (beside, beside)))
    windows = sliding_window_view(padded, op.window.size, axis=(2, 3))[:, :, ::down, ::across]
    rows, columns = windows.shape[2:4]
    image, place = _places(len(x), rows * columns, most)
    found = windows[image, :, place // columns, place % columns]  # (vectors, channels, height, width)
    seen = y.reshape(len(y), y.shape[1], -1)[image, :, place]
    return _grouped(found.reshape(len(found), -1), op.groups), _grouped(seen, op.groups)


def _places(images: int, positions: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in images, evenly many of each: all of them, or about `most` at random, the same every time."""
    each = min(positions, max(1, most // images))
    rng = np.random.default_rng(0)
    place = np.argsort(rng.random((images, positions)), axis=1)[:, :each] if each < positions else None
    chosen = np.tile(np.arange(positions), (images, 1)) if place is None else place
    return np.repeat(np.arange(images), each), chosen.ravel()


def _grouped(values: Real, groups: int) -> Real:
    """(vectors, groups * n) as (groups, vectors, n)."""
    return np.ascontiguousarray(values.reshape(len(values), groups, -1).transpose(1, 0, 2))
