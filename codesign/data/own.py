"""The user's own arrays and labels as a data set: classes numbered, a stratified test set held out."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.arrays import as_array
from codesign.data.base import Dataset, Labels
from codesign.data.scaling import Numbers
from codesign.errors import InputError, plain

MOST = 65536  # classes


def of(x: ArrayLike, y: ArrayLike, test: float = 0.2, seed: int = 0, name: str = "mine") -> Dataset:
    """See `Dataset.of`."""
    where = f"data set {name}"
    rows = as_array(x, f"{where}: x")
    if rows.ndim < 2 or rows.size == 0:
        raise InputError(f"{where}: x must be (images, ...) with at least one image, got shape {rows.shape}; correct x")
    flat, shape = planes(numbers(rows, f"{where}: x"))
    return divided(flat, y, test, seed, name, shape)


def divided(x: Numbers, y: ArrayLike, test: float, seed: int, name: str, shape: tuple[int, ...] = ()) -> Dataset:
    """The data set of rows and labels, a share `test` of each class held out. Raises InputError."""
    where = f"data set {name}"
    labels, names = classes(as_array(y, f"{where}: labels"), len(x), where)
    if not 0 < test < 1:
        raise InputError(f"{where}: test must be a share above 0 and below 1, got {test}; 0.2 holds out a fifth")
    held = max(1, round(test * len(x)))
    order = stratified(labels, seed)
    kept, tests = order[held:], order[:held]
    lost = np.setdiff1d(labels, labels[kept])
    if lost.size:
        raise InputError(
            f"{where}: holding out {held} of {len(x)} rows leaves none of class {names[lost[0]]} to train on; "
            "hold out fewer, or add rows"
        )
    return Dataset(name, x[kept], labels[kept], x[tests], labels[tests], len(names), shape, names=names)


def stratified(labels: Labels, seed: int) -> NDArray[np.int64]:
    """An order of rows in which every stretch has its share of every class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    share = np.empty(len(labels))  # position within its class, 0..1
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        share[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    ordered: NDArray[np.int64] = order[np.argsort(share[order], kind="stable")]
    return ordered


def planes(x: Numbers) -> tuple[Numbers, tuple[int, ...]]:
    """Images as rows, channels first, and their shape; () unless there is one way to read it.

    Shapes are (N, H, W), (N, C, H, W) or (N, H, W, C) with C of 1 or 3.
    """
    shape: tuple[int, ...] = ()
    if x.ndim == 3:
        shape = (1, *x.shape[1:])
    elif x.ndim == 4 and (x.shape[1] in (1, 3)) != (x.shape[3] in (1, 3)):
        x = x if x.shape[1] in (1, 3) else x.transpose(0, 3, 1, 2)  # (N, C, H, W)
        shape = x.shape[1:]
    return x.reshape(len(x), -1), shape


def numbers(x: NDArray[Any], where: str) -> Numbers:
    """Whole numbers 0..255 as uint8, any others as floats. Raises InputError on NaN, infinity and text."""
    if x.dtype.kind not in "iufb":
        raise InputError(f"{where}: must hold numbers, got {x.dtype}; turn text into numbers first")
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = np.argwhere(~np.isfinite(x))
        at = tuple(bad[0].tolist())
        raise InputError(
            f"{where}: {len(bad)} values are NaN or infinite, the first at {at}; remove them, or fill them in"
        )
    if is_bytes(x):
        return x.astype(np.uint8)
    return x.astype(np.float32 if x.dtype in (np.float16, np.float32) else np.float64)


def is_bytes(x: NDArray[Any]) -> bool:
    """Whether all are whole numbers 0..255."""
    if x.dtype.kind == "b":
        return True
    return bool(x.min() >= 0 and x.max() <= 255 and (x.dtype.kind != "f" or (x == np.floor(x)).all()))


def classes(y: NDArray[Any], rows: int, where: str) -> tuple[Labels, tuple[str, ...]]:
    """Labels as class numbers, in sorted order, and what the classes are called. Raises InputError."""
    if y.shape not in {(rows,), (rows, 1)}:
        raise InputError(f"{where}: must have one label per row ({rows}), got shape {y.shape}; give one for each")
    y = y.ravel()
    if y.dtype.kind == "f":
        odd = ~np.isfinite(y) | (y != np.floor(y))
        if odd.any():
            k = int(odd.argmax())
            raise InputError(f"{where}: label of row {k} is {y[k]}, not a class; give whole numbers or text")
        y = y.astype(np.int64)
    if y.dtype.kind not in "iubU":
        raise InputError(f"{where}: labels must be whole numbers or text, got {y.dtype}; convert them")
    names, labels = np.unique(y, return_inverse=True)
    if not 2 <= len(names) <= MOST:
        came = f"only class {plain(str(names[0]))}" if len(names) == 1 else f"{len(names)} classes"
        raise InputError(f"{where}: must have 2 to {MOST} classes, got {came}; check its labels")
    return labels.astype(np.int64), tuple(plain(str(n)) for n in names)
