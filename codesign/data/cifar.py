"""CIFAR-10 from its binary version, or from files of JPEG images."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.data.base import Dataset, Labels
from codesign.data.files import one_line, places, there
from codesign.data.images import decode
from codesign.data.npz import read
from codesign.data.scaling import Bytes
from codesign.errors import InputError
from codesign.files import open_regular

SHAPE = (3, 32, 32)
MOST = 50000  # images of one part
BATCH = 10000  # records of one binary file
_RECORD = 1 + 3072  # bytes: label, then red, green and blue plane, row by row
_JPEG = ("train_jpeg.npz", "test_jpeg.npz")
_BINARY = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
_AGAIN = "fetch the file again"


def cifar10(folder: Path | None = None) -> Dataset:
    """CIFAR-10 from `folder` or its cifar10/, else from $CODESIGN_DATA/cifar10.

    Reads train_jpeg.npz and test_jpeg.npz (`jpeg`: uint8, one JPEG after another, so not quite the original
    pixels; `ends`: where each ends; `labels`), which takes seconds, else the original binary version, also in its
    cifar-10-batches-bin/. Raises InputError if neither is complete or something in it is damaged; the python
    version, a pickle, is never opened.
    """
    paths = cifar10_files(folder)
    parts = [_jpegs(p) if p.name in _JPEG else _records(p) for p in paths]
    (xs, ys), (xt, yt) = _joined(parts[:-1]), parts[-1]
    return Dataset("cifar10", xs, ys, xt, yt, 10, SHAPE)


def cifar10_files(folder: Path | None = None) -> list[Path]:
    """The files that `cifar10` reads, the test set last. Raises InputError if they are not complete."""
    homes = places("cifar10", folder)
    rooms = [room for p in homes for room in (p, p / "cifar-10-batches-bin")]
    for room in rooms:
        for names in (_JPEG, _BINARY):
            if all(there(room / n) for n in names):
                return [room / n for n in names]
    fetch = "fetch the binary version (cifar-10-binary.tar.gz) and unpack it there"
    for room in rooms:
        for names in (_JPEG, _BINARY):
            missing = [n for n in names if not there(room / n)]
            if len(missing) < len(names):
                raise InputError(f"data set cifar10: {', '.join(missing)} not found in {room}; {fetch}")
    for room in (room for p in homes for room in (p, p / "cifar-10-batches-py")):
        if there(room / "data_batch_1"):
            raise InputError(
                f"data set cifar10: {room} holds the python version, a pickle, which codesign does not open; {fetch}"
            )
    raise InputError(
        f"data set cifar10: neither {_JPEG[0]} nor {_BINARY[0]} found in {homes[0]}; {fetch}, "
        "or name its folder with --data or CODESIGN_DATA (its cifar10/)"
    )


def _jpegs(path: Path) -> tuple[Bytes, Labels]:
    part = read(path, ("jpeg", "ends", "labels"), _AGAIN)
    jpeg, ends, labels = part["jpeg"], part["ends"], part["labels"]
    if jpeg.dtype != np.uint8 or jpeg.ndim != 1:
        raise InputError(f"{path}: jpeg must be a 1-D array of uint8, got {jpeg.dtype} {jpeg.shape}; {_AGAIN}")
    if ends.dtype.kind not in "iu" or ends.ndim != 1 or not 1 <= len(ends) <= MOST:
        raise InputError(
            f"{path}: ends must be a 1-D array of 1..{MOST} integers, got {ends.dtype} {ends.shape}; {_AGAIN}"
        )
    ends = ends.astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    bad = (ends <= starts) | (ends > len(jpeg))
    if bad.any():
        k = int(bad.argmax())
        raise InputError(
            f"{path}: image {k} must end after byte {starts[k]} and by byte {len(jpeg)}, got {ends[k]}; {_AGAIN}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != ends.shape:
        raise InputError(
            f"{path}: labels must be a 1-D array of {len(ends)} integers, got {labels.dtype} {labels.shape}; {_AGAIN}"
        )
    y = _labels(path, labels)
    x = np.empty((len(ends), 3072), np.uint8)
    for k, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        x[k] = decode(BytesIO(jpeg.data[start:end]), f"{path}: image {k}", ("JPEG",), _AGAIN, SHAPE).ravel()
    return x, y


def _records(path: Path) -> tuple[Bytes, Labels]:
    try:
        with open_regular(path, 1 << 50) as f:
            data = np.frombuffer(f.read(_RECORD * BATCH + 1), np.uint8)  # one byte more shows that a file is too long
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({one_line(e.strerror or e)}); {_AGAIN}") from None
    if len(data) == 0 or len(data) % _RECORD:
        size = path.stat().st_size
        raise InputError(f"{path}: must be 1..{BATCH} records of {_RECORD} bytes, has {size} bytes; {_AGAIN}")
    records = data.reshape(-1, _RECORD)
    return records[:, 1:], _labels(path, records[:, 0])


def _labels(path: Path, labels: NDArray[Any]) -> Labels:
    bad = (labels < 0) | (labels > 9)
    if bad.any():
        k = int(bad.argmax())
        raise InputError(f"{path}: label of image {k} must lie in 0..9, got {labels[k]}; {_AGAIN}")
    return labels.astype(np.int64)


def _joined(parts: list[tuple[Bytes, Labels]]) -> tuple[Bytes, Labels]:
    if len(parts) == 1:  # spares the copy
        return parts[0]
    xs, ys = zip(*parts, strict=True)
    return np.concatenate(xs), np.concatenate(ys)
