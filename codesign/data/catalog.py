"""Data sets by name, as recipes write them."""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codesign.data.base import Dataset
from codesign.data.cifar import cifar10, cifar10_files
from codesign.data.csv_files import table
from codesign.data.embedded import breast_cancer, digits, wine
from codesign.data.files import LIMIT, one_line
from codesign.data.folders import folder as image_folder
from codesign.data.folders import folder_files
from codesign.data.idx_files import mnist, mnist_files
from codesign.data.npz import arrays
from codesign.errors import InputError
from codesign.files import open_regular

SIZES = {"mnist": ((1, 28, 28), 10), "cifar10": ((3, 32, 32), 10)}  # of the data sets that are fetched: shape, classes


def load(name: str, folder: Path | None = None, label: str | None = None, test: float = 0.2) -> Dataset:
    """The data set of a recipe; raises InputError if it is unknown, absent or damaged.

    name: `digits`, `wine`, `breast_cancer`; `mnist` or `cifar10` (their files in `folder`, see there); the path of an
    .npz file (see `arrays`), of a .csv file (see `table`) or of an image folder (see `folder`; an existing one, or a
    name that ends in /), relative to `folder` if given. label: the .csv column of labels. test: the share that is held
    out of tables, which have no test set of their own.
    """
    return _known(name, folder, label, test)[0]()


def blank(name: str, folder: Path | None = None) -> Dataset | None:
    """A data set of this size with black images, for what needs no more; None if its own are there or must be read."""
    if name not in SIZES:
        return None
    try:
        _known(name, folder)[1]()
    except InputError:  # absent
        (shape, classes), y = SIZES[name], np.arange(SIZES[name][1])
        x = np.zeros((classes, math.prod(shape)), np.uint8)
        return Dataset(name, x, y, x, y, classes, shape)
    return None


def digest(name: str, folder: Path | None = None) -> str:
    """SHA-256 of the files that `load` reads and of their places in the data set; quicker than `load`.

    Raises InputError if one is absent or cannot be read; damaged ones are left for `load` to find.
    """
    root, files = _known(name, folder)[1]()
    found = hashlib.sha256()
    for path in files:
        content = hashlib.sha256()
        try:
            with open_regular(path, 4 * LIMIT) as f:
                while piece := f.read(1 << 20):
                    content.update(piece)
        except OSError as e:
            raise InputError(
                f"{path}: cannot be read ({one_line(e.strerror)}); data set {one_line(name)} needs it"
            ) from None
        found.update(str(path.relative_to(root)).encode("utf-8", "surrogateescape") + b"\0" + content.digest())
    return found.hexdigest()


Listed = tuple[Path, list[Path]]  # where the data set lies, and its files


def _known(
    name: str, folder: Path | None, label: str | None = None, test: float = 0.2
) -> tuple[Callable[[], Dataset], Callable[[], Listed]]:
    """How to load a data set, and how to list its files. Raises InputError for an unknown name."""

    def together(files: list[Path]) -> Listed:
        return files[0].parent, files

    packaged = {"digits": digits, "wine": lambda: wine(test), "breast_cancer": lambda: breast_cancer(test)}
    if name in packaged:
        return packaged[name], lambda: (Path(), [])
    if name == "mnist":
        return lambda: mnist(folder), lambda: together(mnist_files(folder))
    if name == "cifar10":
        return lambda: cifar10(folder), lambda: together(cifar10_files(folder))
    path = Path(name) if folder is None else folder / name
    if name.endswith(".npz"):
        return lambda: arrays(path), lambda: (path, [path])
    if name.endswith(".csv"):
        return lambda: table(path, label, test), lambda: (path, [path])
    if name.endswith("/") or os.path.isdir(path):
        return lambda: image_folder(path), lambda: (path, folder_files(path))
    raise InputError(
        f"data set {name!r}: is neither a known name nor a folder; use digits, wine, breast_cancer, mnist, cifar10, "
        "or the path of a .csv or .npz file or an image folder"
    )
