"""Data sets: what is given, what is refused, and in which words."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.train.data import Dataset, arrays, digits, idx, load, mnist, to_inputs


def test_digits_split_is_stratified_and_fixed() -> None:
    a, b = digits(), digits()
    assert (a.x_train.shape, a.x_test.shape, a.classes) == ((1437, 64), (360, 64), 10)
    assert a.digest == b.digest != digits(seed=1).digest
    counts = np.bincount(np.concatenate([a.y_train, a.y_test]))
    assert (np.abs(np.bincount(a.y_test) - counts * 360 / 1797) <= 1).all()
    assert a.x_train.max() == 255 and a.x_train.dtype == np.uint8
    rows = {r.tobytes() for r in a.x_train}
    assert len(rows) == 1437 and not any(r.tobytes() in rows for r in a.x_test)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (IntType(8), [0, 127, 128, 255]),
        (IntType(4), [0, 7, 8, 15]),
        (IntType(1), [0, 0, 1, 1]),
        (IntType(8, True), [-128, -1, 0, 127]),
        (IntType(4, True), [-8, -1, 0, 7]),
        (IntType(1, True), [-1, -1, 0, 0]),
    ],
    ids=str,
)
def test_inputs_keep_the_top_bits(kind: IntType, expected: list[int]) -> None:
    x = np.array([0, 127, 128, 255], np.uint8)
    assert to_inputs(x, kind).tolist() == expected
    assert kind.holds(to_inputs(x, kind))
    with pytest.raises(InputError, match=r"inputs: must be uint8 images for 1\.\.8 bits, got int64"):
        to_inputs(x.astype(np.int64), kind)


def write_idx(path: Path, array: np.ndarray) -> Path:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return path


def small_mnist(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, n in (("train", 30), ("t10k", 20)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 4, 4)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n) % 10)
    return folder


def test_mnist_files_from_folder_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    small_mnist(tmp_path / "mnist")
    data = mnist(tmp_path / "mnist")
    assert (data.x_train.shape, data.x_test.shape, data.classes) == ((30, 16), (20, 16), 10)
    assert load("mnist", tmp_path).digest == data.digest
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path))
    assert load("mnist").digest == data.digest


def test_missing_mnist_files_are_named(tmp_path: Path) -> None:
    small_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(
        InputError, match=rf"mnist: t10k-labels-idx1-ubyte\.gz not found in {tmp_path}; put MNIST's four"
    ):
        mnist(tmp_path)


def test_damaged_idx_files_name_file_byte_and_expectation(tmp_path: Path) -> None:
    good = write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(0, 256, (40, 50, 60)))
    assert idx(good).shape == (40, 50, 60)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(good.read_bytes()[:70000])
    with pytest.raises(InputError, match=r"cut\.gz: damaged after byte \d+ of its contents .*; fetch the file again"):
        idx(cut)
    flipped = tmp_path / "flip.gz"
    data = bytearray(good.read_bytes())
    data[-6] ^= 1  # its CRC
    flipped.write_bytes(data)
    with pytest.raises(InputError, match=r"flip\.gz: damaged after byte \d+ .*CRC"):
        idx(flipped)
    short = tmp_path / "short.gz"
    short.write_bytes(gzip.compress(gzip.decompress(good.read_bytes())[:-7]))
    with pytest.raises(InputError, match=r"short\.gz: ends at byte 120009, expected 120016 for shape \(40, 50, 60\)"):
        idx(short)
    other = tmp_path / "other.gz"
    other.write_bytes(gzip.compress(b"hello, world"))
    with pytest.raises(
        InputError, match=r"other\.gz: bytes 0\.\.3 must be 00 00 08 and 01\.\.04 .*got 68 65 6c 6c; wrong file"
    ):
        idx(other)


def parts(**changes: object) -> dict[str, Any]:
    x = np.arange(48, dtype=np.uint8)
    good = {
        "x_train": x.reshape(6, 2, 4),
        "y_train": [0, 1, 2, 0, 1, 2],
        "x_test": x[:16].reshape(2, 2, 4),
        "y_test": [1, 2],
    }
    return {k: np.asarray(v) for k, v in (good | changes).items() if v is not None}


def npz(path: Path, **changes: object) -> Path:
    np.savez(path / "mine.npz", **parts(**changes))
    return path / "mine.npz"


def test_own_arrays(tmp_path: Path) -> None:
    data = load(str(npz(tmp_path)))
    assert (data.name, data.x_train.shape, data.x_test.shape, data.classes) == ("mine", (6, 8), (2, 8), 3)
    assert arrays(npz(tmp_path, x_train=parts()["x_train"].astype(float))).digest == data.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, r"mine\.npz: y_test missing, holds x_train, y_train, x_test; save x_train, y_train"),
        (
            {"x_test": np.full((2, 8), np.nan)},
            r"mine\.npz: x_test: 16 values are NaN or infinite, the first at \(0, 0\)",
        ),
        ({"x_test": np.full((2, 8), np.inf)}, r"x_test: 16 values are NaN or infinite"),
        ({"x_test": np.full((2, 8), 0.5)}, r"x_test: must hold whole numbers 0\.\.255, got 0\.5 at \(0, 0\); rescale"),
        ({"x_test": np.full((2, 8), 256)}, r"x_test: must hold whole numbers 0\.\.255, got 256"),
        ({"x_train": np.zeros((0, 8), np.uint8)}, r"x_train: is empty \(shape \(0, 8\)\); at least one image"),
        ({"x_train": np.array(["a"])}, r"x_train: must hold integers, got <U1"),
        ({"y_train": [0, 1, -1, 0, 1, 2]}, r"y_train: must hold whole numbers 0\.\.65535, got -1 at \(2,\)"),
        ({"y_test": [1, 3]}, r"data set mine: test labels must lie in 0\.\.2, got 1\.\.3"),
        ({"y_test": [1]}, r"data set mine: test labels must be one per image \(2\), got shape \(1,\)"),
        ({"x_test": np.zeros((2, 9), np.uint8)}, r"train and test images must be equally large, got 8 and 9 features"),
        ({"y_train": [0] * 6, "y_test": [0, 0]}, r"data set mine: needs at least 2 classes, got 1"),
    ],
)
def test_impossible_arrays_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        arrays(npz(tmp_path, **changes))


def test_unreadable_and_unknown_names(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(InputError, match=r"bad\.npz: cannot be read .*; save it with numpy\.savez_compressed"):
        arrays(tmp_path / "bad.npz")
    np.savez(tmp_path / "pickle.npz", **parts(x_train=np.array([{}], dtype=object)))
    with pytest.raises(InputError, match=r"pickle\.npz: cannot be read"):
        arrays(tmp_path / "pickle.npz")
    with pytest.raises(InputError, match=r"none\.npz: no such file; give an \.npz with x_train"):
        load("none.npz", tmp_path)
    with pytest.raises(InputError, match=r"data set 'cifar': is not known; use digits, mnist or the path of an \.npz"):
        load("cifar")


def test_dataset_itself_refuses_wrong_dtypes() -> None:
    d = digits()
    with pytest.raises(InputError, match=r"train images must be a non-empty uint8 \(images, features\), got float64"):
        Dataset("d", d.x_train.astype(float), d.y_train, d.x_test, d.y_test, 10)


def test_real_mnist() -> None:
    try:
        data = mnist()
    except InputError as e:
        pytest.skip(str(e))
    assert (data.x_train.shape, data.x_test.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(data.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
