"""NumPy .npz files: untrusted ones read safely, and the user's own data from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from codesign.data.base import Dataset
from codesign.data.files import LIMIT, one_line
from codesign.data.own import numbers, planes
from codesign.data.scaling import Numbers
from codesign.errors import InputError
from codesign.files import open_regular

FILE = 1 << 36  # bytes, other members included; only what is wanted is unpacked
_WANTED = ("x_train", "y_train", "x_test", "y_test")
_SAVE = f"save {', '.join(_WANTED)} with numpy.savez_compressed, an image or row of numbers each"


def arrays(path: Path) -> Dataset:
    """The user's own data: .npz with x_train, y_train, x_test, y_test; numbers of any range, labels from 0.

    Where all are whole numbers 0..255, they are bytes, else floats.
    Images (N, H, W), (N, C, H, W) or (N, H, W, C) with C of 1 or 3 get a shape, channels first; anything else,
    or what can be read both ways, is plain features. Every class up to the largest label, at most 65536,
    has a training image. Raises InputError otherwise, and if the file is damaged or unpacks to over 2 GiB.
    """
    part = read(path, _WANTED, _SAVE)
    x: dict[str, Numbers] = {}
    y = {}
    for side in ("train", "test"):
        n, m = f"x_{side}", f"y_{side}"
        x[side] = numbers(_filled(part[n], f"{path}: {n}"), f"{path}: {n}")
        count, labels = len(x[side]), part[m]
        if labels.shape not in {(count,), (count, 1)}:
            raise InputError(
                f"{path}: {m}: must hold one label per image ({count}), got shape {labels.shape}; "
                "save the class number of each image"
            )
        labels = _whole(labels, f"{path}: {m}", 65535, "number the classes from 0, at most 65536 of them")
        y[side] = labels.ravel().astype(np.int64)
    if x["train"].shape[1:] != x["test"].shape[1:]:
        raise InputError(
            f"{path}: x_train and x_test must hold images of one shape, "
            f"got {x['train'].shape[1:]} and {x['test'].shape[1:]}; bring them to one size"
        )
    classes = int(y["train"].max()) + 1
    empty = np.bincount(y["train"]) == 0
    if empty.any():
        raise InputError(
            f"{path}: y_train: class {empty.argmax()} of 0..{classes - 1} has no training image; "
            "add some, or number the classes without gaps"
        )
    if x["train"].dtype != x["test"].dtype:
        x = {side: a.astype(np.float64) for side, a in x.items()}
    (train, shape), (test, _) = planes(x["train"]), planes(x["test"])
    return Dataset(path.stem, train, y["train"], test, y["test"], classes, shape)


def read(path: Path, wanted: Sequence[str], remedy: str) -> dict[str, NDArray[Any]]:
    """The arrays `wanted` of an .npz file, no pickles, at most 2 GiB of them.

    Raises InputError, ending in `remedy`, if the file is damaged, too large or lacks one.
    """
    try:
        with open_regular(path, FILE) as raw:
            alone = raw.read(6) == b"\x93NUMPY"  # numpy would read all of it before refusing
            raw.seek(0)
            loaded = None if alone else np.load(raw, allow_pickle=False)
            if not isinstance(loaded, NpzFile):
                raise InputError(f"{path}: holds a single array without a name, not an .npz; {remedy}")
            with loaded as f:
                missing = [k for k in wanted if k not in f]
                if missing:
                    held = one_line(", ".join(f.files[:8]) + ", ..." * (len(f.files) > 8)) if f.files else "nothing"
                    raise InputError(f"{path}: {', '.join(missing)} missing, holds {held}; {remedy}")
                assert f.zip is not None
                # zipfile reads no more of a member than the size it states here.
                total = sum(i.file_size for i in f.zip.infolist() if i.filename.removesuffix(".npy") in wanted)
                if total > LIMIT:
                    raise InputError(f"{path}: unpacks to {total} bytes, more than the limit of {LIMIT}; {remedy}")
                found = {k: f[k] for k in wanted}
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({one_line(e.strerror or e)}); {remedy}") from None
    except Exception as e:  # zipfile, zlib and numpy each raise types of their own for a damaged file
        raise InputError(f"{path}: cannot be read ({one_line(e)}); {remedy}") from None
    for k, a in found.items():
        if not isinstance(a, np.ndarray):  # numpy returns the raw bytes of a member that lacks the magic string
            raise InputError(f"{path}: {k} is not a NumPy array; {remedy}")
    return found


def _filled(a: NDArray[Any], where: str) -> NDArray[Any]:
    if a.ndim == 0 or a.size == 0:
        raise InputError(f"{where}: is empty (shape {a.shape}); at least one image is required")
    return a


def _whole(a: NDArray[Any], where: str, top: int, remedy: str) -> NDArray[Any]:
    if a.dtype.kind not in "iufb":
        raise InputError(f"{where}: must hold integers, got {a.dtype}; {remedy}")
    _filled(a, where)
    if a.dtype.kind == "f":
        bad = ~np.isfinite(a)
        if bad.any():
            raise InputError(
                f"{where}: {int(bad.sum())} values are NaN or infinite, the first at {_first(bad)}; remove them"
            )
    bad = (a < 0) | (a > top)
    if a.dtype.kind == "f":
        bad |= a != np.floor(a)
    if bad.any():
        at = _first(bad)
        raise InputError(f"{where}: must hold whole numbers 0..{top}, got {a[at]} at {at}; {remedy}")
    return a


def _first(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(bad.argmax(), bad.shape))
