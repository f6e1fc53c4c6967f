"""Image folders: the user's own pictures, one folder per class."""

import math
import os
from pathlib import Path

import numpy as np

from codesign.data.base import Dataset, Labels
from codesign.data.files import LIMIT, one_line
from codesign.data.images import decode
from codesign.data.scaling import Bytes
from codesign.errors import InputError

_FORMATS = ("PNG", "JPEG", "BMP", "PPM")  # Pillow's names; PGM is one of PPM's kinds
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm")
_LAYOUT = "put images into train/CLASS/ and test/CLASS/"


def folder(path: Path) -> Dataset:
    """Images train/CLASS/* and test/CLASS/* (png, jpg, jpeg, bmp, pgm), labels the places of CLASS in sorted order.

    All have one size, up to 1024 x 1024 pixels, and one kind, grey or RGB with 8 bits per channel; together they take
    at most 2 GiB. Names that begin with a dot and files beside the class folders are skipped. Classes are
    interleaved, images sorted by name within a class, so that the first and the last images contain every class in
    proportion. Raises InputError for anything else, also for other files among the images and links out of `path`.
    """
    train, test = _sides(path)
    if len(train) < 2:
        raise InputError(f"{path / 'train'}: needs at least 2 class folders, has {len(train)}; {_LAYOUT}")
    for name in test:
        if name not in train:
            raise InputError(f"{path / 'test' / name}: is not a class of train/; add it there, or remove it from test/")
    if not test:
        raise InputError(f"{path / 'test'}: needs at least 1 class folder, has 0; {_LAYOUT}")
    numbers = {name: k for k, name in enumerate(train)}
    first = next(iter(train.values()))[0]
    shape = _decode(first).shape
    count = sum(len(files) for side in (train, test) for files in side.values())
    total = count * math.prod(shape)
    if total > LIMIT:
        raise InputError(
            f"{path}: its {count} images take {total} bytes, more than the limit of {LIMIT}; "
            "make them smaller or use fewer"
        )
    like = f" like {first.relative_to(path)}"
    xs, ys = _rows(train, numbers, shape, like)
    xt, yt = _rows(test, numbers, shape, like)
    return Dataset(Path(os.path.realpath(path)).name, xs, ys, xt, yt, len(train), shape)


def folder_files(path: Path) -> list[Path]:
    """The images that `folder` reads. Raises InputError, as `folder` does, when `path` is no such folder."""
    return [file for side in _sides(path) for files in side.values() for file in files]


def _sides(path: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Images of train/ and of test/, by class."""
    if not os.path.isdir(path):  # unlike Path's, never raises
        raise InputError(f"{path}: no such folder; {_LAYOUT}")
    root = Path(os.path.realpath(path))
    missing = [f"{side}/" for side in ("train", "test") if not (path / side).is_dir()]
    if missing:
        raise InputError(f"{path}: has no {' and no '.join(missing)}; {_LAYOUT}")
    return _classes(path / "train", root), _classes(path / "test", root)


def _classes(side: Path, root: Path) -> dict[str, list[Path]]:
    """Class name: its images, both sorted."""
    _stay(side, root)
    classes = {}
    for place in _visible(side, root):
        if not place.is_dir():
            continue
        files = _visible(place, root)
        if not files:
            raise InputError(f"{place}: holds no images; add some, or remove the folder")
        for file in files:
            if file.suffix.lower() not in _SUFFIXES or not file.is_file():
                raise InputError(f"{file}: is not a png, jpg, jpeg, bmp or pgm file; convert it, or remove it")
        classes[place.name] = files
    return classes


def _visible(place: Path, root: Path) -> list[Path]:
    """Contents of `place`, sorted, without hidden names."""
    try:
        found = sorted(p for p in place.iterdir() if not p.name.startswith("."))
    except OSError as e:
        raise InputError(f"{place}: cannot be read ({one_line(e)}); make it readable") from None
    for p in found:
        if not p.name.isprintable():  # no message could show it
            raise InputError(f"{place}: contains the name {p.name!r}; rename it without control characters")
        _stay(p, root)
    return found


def _stay(path: Path, root: Path) -> None:
    # Someone else's archive must not make a training run read the rest of the disk.
    if path.is_symlink() and not (target := Path(os.path.realpath(path))).is_relative_to(root):
        raise InputError(f"{path}: is a link to {one_line(target)}, outside {root}; copy the files instead")


def _rows(
    classes: dict[str, list[Path]], numbers: dict[str, int], shape: tuple[int, ...], like: str
) -> tuple[Bytes, Labels]:
    # (place within its class as a share of it, label, file): sorted, every stretch has its share of every class.
    order = sorted(
        ((k + 0.5) / len(files), numbers[name], file) for name, files in classes.items() for k, file in enumerate(files)
    )
    x = np.empty((len(order), math.prod(shape)), np.uint8)
    for k, (_, _, file) in enumerate(order):
        x[k] = _decode(file, shape, like).ravel()
    return x, np.array([label for _, label, _ in order], np.int64)


def _decode(file: Path, shape: tuple[int, ...] = (), like: str = "") -> Bytes:
    return decode(file, str(file), _FORMATS, "convert or remove it", shape, like)
