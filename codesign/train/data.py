"""Data sets as uint8 images: embedded digits, MNIST files, the user's own arrays. Loads without torch."""

import gzip
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.fixed import IntType

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images as rows of uint8, labels 0..classes-1. Construction refuses anything else."""

    name: str
    x_train: Bytes  # (images, features)
    y_train: Labels  # (images,)
    x_test: Bytes
    y_test: Labels
    classes: int

    def __post_init__(self) -> None:
        for part, x, y in (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            where = f"data set {self.name}: {part}"
            if x.ndim != 2 or x.size == 0 or x.dtype != np.uint8:
                raise InputError(
                    f"{where} images must be a non-empty uint8 (images, features), got {x.dtype} {x.shape}"
                )
            if y.shape != (len(x),):
                raise InputError(f"{where} labels must be one per image ({len(x)}), got shape {y.shape}")
            if y.min() < 0 or y.max() >= self.classes:
                raise InputError(f"{where} labels must lie in 0..{self.classes - 1}, got {y.min()}..{y.max()}")
        if self.x_train.shape[1] != self.x_test.shape[1]:
            raise InputError(
                f"data set {self.name}: train and test images must be equally large, "
                f"got {self.x_train.shape[1]} and {self.x_test.shape[1]} features"
            )
        if self.classes < 2:
            raise InputError(f"data set {self.name}: needs at least 2 classes, got {self.classes}")

    @property
    def features(self) -> int:
        """Inputs of a network for this data."""
        return int(self.x_train.shape[1])

    @property
    def digest(self) -> int:
        """CRC-32 of every image and label."""
        value = self.classes
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            value = zlib.crc32(np.ascontiguousarray(array).tobytes(), value)
        return value


def to_inputs(x: NDArray[np.generic], kind: IntType) -> NDArray[np.int16]:
    """uint8 images as integers of `kind` (1..8 bits): the top bits, less the midpoint if signed."""
    images = np.asarray(x)
    if images.dtype != np.uint8 or not 1 <= kind.bits <= 8:
        raise InputError(
            f"inputs: must be uint8 images for 1..8 bits, got {images.dtype} for {kind}; rescale to 0..255 first"
        )
    return np.right_shift(images.astype(np.int16), 8 - kind.bits) + np.int16(kind.lo)


def load(name: str, folder: Path | None = None) -> Dataset:
    """The data set of a recipe: `digits`, `mnist` (its files in `folder`, see `mnist`), or an .npz path."""
    if name == "digits":
        return digits()
    if name == "mnist":
        return mnist(folder)
    if name.endswith(".npz"):
        return arrays(Path(name) if folder is None else folder / name)
    raise InputError(f"data set {name!r}: is not known; use digits, mnist or the path of an .npz file")


def digits(seed: int = 0, test: int = 360) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8x8, grey levels times 16; `test` of them held out, class by class."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    bunch: Any = load_digits()
    x = np.minimum(bunch.data * 16, 255).astype(np.uint8)  # (1797, 64)
    y = bunch.target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    share = np.empty(len(y))  # position within its class, 0..1: the smallest shares are a stratified sample
    for label in range(10):
        mine = order[y[order] == label]
        share[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    picked = order[np.argsort(share[order], kind="stable")]
    held, kept = np.sort(picked[:test]), np.sort(picked[test:])
    return Dataset("digits", x[kept], y[kept], x[held], y[held], 10)


def mnist(folder: Path | None = None) -> Dataset:
    """MNIST from its four IDX .gz files in `folder`, else $CODESIGN_DATA/mnist, else ../shared/data/mnist."""
    places = [folder, folder / "mnist"] if folder is not None else []
    if not places and os.environ.get("CODESIGN_DATA"):
        places.append(Path(os.environ["CODESIGN_DATA"]) / "mnist")
    if not places:
        places.append(Path(__file__).parents[3] / "shared" / "data" / "mnist")
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    home = next((p for p in places if (p / names[0]).is_file()), places[0])
    missing = [n for n in names if not (home / n).is_file()]
    if missing:
        raise InputError(
            f"data set mnist: {', '.join(missing)} not found in {home}; "
            "put MNIST's four IDX .gz files there, or name their folder with --data or CODESIGN_DATA (its mnist/)"
        )
    xs, ys, xt, yt = (idx(home / n) for n in names)
    return Dataset(
        "mnist", xs.reshape(len(xs), -1), ys.astype(np.int64), xt.reshape(len(xt), -1), yt.astype(np.int64), 10
    )


def idx(path: Path) -> Bytes:
    """An IDX .gz file of unsigned bytes. Raises InputError with file, byte and what was expected there."""
    data = bytearray()
    try:
        with gzip.open(path) as f:
            while piece := f.read(1 << 16):
                data += piece
    except (OSError, EOFError, zlib.error) as e:
        raise InputError(
            f"{path}: damaged after byte {len(data)} of its contents ({e}); fetch the file again"
        ) from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 4:
        raise InputError(
            f"{path}: bytes 0..3 must be 00 00 08 and 01..04 (IDX of uint8), got {data[:4].hex(' ')}; wrong file?"
        )
    head = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[k : k + 4], "big") for k in range(4, min(head, len(data)), 4))
    expected = head + int(np.prod(shape, dtype=np.int64))
    if len(data) < head or len(data) != expected:
        raise InputError(
            f"{path}: ends at byte {len(data)}, expected {expected} for shape {shape}; fetch the file again"
        )
    return np.frombuffer(bytes(data), np.uint8, offset=head).reshape(shape)


def arrays(path: Path) -> Dataset:
    """The user's own data: .npz with x_train, y_train, x_test, y_test; images 0..255, labels from 0."""
    wanted = ("x_train", "y_train", "x_test", "y_test")
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as f:
            missing = [k for k in wanted if k not in f]
            if missing:
                raise InputError(
                    f"{path}: {', '.join(missing)} missing, holds {', '.join(f.files)}; save {', '.join(wanted)}"
                )
            xs, ys, xt, yt = (f[k] for k in wanted)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give an .npz with {', '.join(wanted)}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as e:
        raise InputError(f"{path}: cannot be read ({e}); save it with numpy.savez_compressed") from None
    x = {n: _whole(a, f"{path}: {n}", 255).astype(np.uint8) for n, a in (("x_train", xs), ("x_test", xt))}
    y = {n: _whole(a, f"{path}: {n}", 65535).astype(np.int64) for n, a in (("y_train", ys), ("y_test", yt))}
    flat = {n: a.reshape(len(a), -1) for n, a in x.items()}
    classes = int(y["y_train"].max()) + 1
    return Dataset(path.stem, flat["x_train"], y["y_train"].ravel(), flat["x_test"], y["y_test"].ravel(), classes)


def _whole(a: NDArray[Any], where: str, top: int) -> NDArray[Any]:
    if a.dtype.kind not in "iufb":
        raise InputError(f"{where}: must hold integers, got {a.dtype}")
    if a.ndim == 0 or a.size == 0:
        raise InputError(f"{where}: is empty (shape {a.shape}); at least one image is required")
    if a.dtype.kind == "f":
        bad = ~np.isfinite(a)
        if bad.any():
            raise InputError(
                f"{where}: {int(bad.sum())} values are NaN or infinite, the first at {_first(bad)}; remove them"
            )
    bad = (a < 0) | (a > top) | (a != np.floor(a)) if a.dtype.kind != "b" else np.zeros(a.shape, bool)
    if bad.any():
        at = _first(bad)
        raise InputError(
            f"{where}: must hold whole numbers 0..{top}, got {a[at]} at {at}; rescale and convert to uint8"
        )
    return a


def _first(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argwhere(bad)[0])
