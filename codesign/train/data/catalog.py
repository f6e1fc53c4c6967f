"""Data sets by name, as recipes write them."""

import os
from pathlib import Path

from codesign.errors import InputError
from codesign.train.data.base import Dataset
from codesign.train.data.cifar import cifar10
from codesign.train.data.embedded import digits
from codesign.train.data.folders import folder as image_folder
from codesign.train.data.idx_files import mnist
from codesign.train.data.npz import arrays


def load(name: str, folder: Path | None = None) -> Dataset:
    """The data set of a recipe; raises InputError if it is unknown, absent or damaged.

    name: `digits`; `mnist` or `cifar10` (their files in `folder`, see there); the path of an .npz file (see `arrays`)
    or of an image folder (see `folder`; an existing one, or a name that ends in /), relative to `folder` if given.
    """
    if name == "digits":
        return digits()
    if name == "mnist":
        return mnist(folder)
    if name == "cifar10":
        return cifar10(folder)
    path = Path(name) if folder is None else folder / name
    if name.endswith(".npz"):
        return arrays(path)
    if name.endswith("/") or os.path.isdir(path):
        return image_folder(path)
    raise InputError(
        f"data set {name!r}: is neither a known name nor a folder; use digits, mnist, cifar10, "
        "or the path of an .npz file or an image folder"
    )
