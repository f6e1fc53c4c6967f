"""IDX files, and MNIST, which comes in four of them."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from codesign.data.base import Dataset
from codesign.data.files import one_line, places, there
from codesign.data.scaling import Bytes
from codesign.errors import InputError
from codesign.files import open_regular

LIMIT = 1 << 30  # bytes a file may unpack to; MNIST's largest has 47 million


def mnist(folder: Path | None = None) -> Dataset:
    """MNIST from its four IDX .gz files in `folder` or its mnist/, else in $CODESIGN_DATA/mnist.

    Raises InputError if one is missing, damaged, or not what its name says.
    """
    paths = mnist_files(folder)
    files = [idx(p) for p in paths]
    for p, array in zip(paths, files, strict=True):
        axes = ("images", "height", "width") if "images" in p.name else ("images",)
        if array.ndim != len(axes) or array.size == 0:
            raise InputError(
                f"{p}: must hold a non-empty array ({', '.join(axes)}), got shape {array.shape}; fetch the file again"
            )
    xs, ys, xt, yt = files
    if xs.shape[1:] != xt.shape[1:]:
        raise InputError(
            f"{paths[2]}: must hold images of {xs.shape[1:]} like the training images, got {xt.shape[1:]}; "
            "fetch the file again"
        )
    return Dataset(
        "mnist",
        xs.reshape(len(xs), -1),
        ys.astype(np.int64),
        xt.reshape(len(xt), -1),
        yt.astype(np.int64),
        10,
        (1, *xs.shape[1:]),
    )


def mnist_files(folder: Path | None = None) -> list[Path]:
    """The files that `mnist` reads. Raises InputError if one is missing."""
    homes = places("mnist", folder)
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    home = next((p for p in homes if there(p / names[0])), homes[0])
    missing = [n for n in names if not there(home / n)]
    if missing:
        raise InputError(
            f"data set mnist: {', '.join(missing)} not found in {home}; "
            "put MNIST's four IDX .gz files there, or name their folder with --data or CODESIGN_DATA (its mnist/)"
        )
    return [home / n for n in names]


def idx(path: Path) -> Bytes:
    """An IDX .gz file of unsigned bytes, unpacked at most 1 GiB.

    Raises InputError with file, byte and what was expected there.
    """
    data = bytearray()
    try:
        with open_regular(path, LIMIT) as raw, gzip.open(raw) as f:
            while len(data) <= LIMIT and (piece := f.read(1 << 16)):
                data += piece
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give an IDX .gz file") from None
    except (OSError, EOFError, zlib.error) as e:
        if isinstance(e, OSError) and e.strerror:  # from the system, or from `open_regular`; the others come from gzip
            raise InputError(f"{path}: cannot be read ({e.strerror}); give an IDX .gz file") from None
        raise InputError(
            f"{path}: damaged after byte {len(data)} of its contents ({one_line(e)}); fetch the file again"
        ) from None
    if len(data) > LIMIT:
        raise InputError(f"{path}: unpacks to more than {LIMIT} bytes, the limit of an IDX file; wrong file?")
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 4:
        raise InputError(
            f"{path}: bytes 0..3 must be 00 00 08 and 01..04 (IDX of uint8), got {data[:4].hex(' ')}; wrong file?"
        )
    head = 4 + 4 * data[3]
    if len(data) < head:
        raise InputError(f"{path}: ends at byte {len(data)} of a header of {head} bytes; fetch the file again")
    shape = tuple(int.from_bytes(data[k : k + 4], "big") for k in range(4, head, 4))
    expected = head + math.prod(shape)
    if len(data) != expected:
        raise InputError(
            f"{path}: ends at byte {len(data)}, expected {expected} for shape {shape}; fetch the file again"
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)
