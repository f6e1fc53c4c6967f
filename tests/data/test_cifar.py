"""CIFAR-10: both versions that are read, the one that is not, and damage named by file and image."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codesign.data import cifar, cifar10, load
from codesign.data.files import places
from tests.data.told import told

FETCH = "fetch the binary version (cifar-10-binary.tar.gz) and unpack it there"


def jpegs(images: list[np.ndarray], **options: Any) -> dict[str, np.ndarray]:
    files = []
    for image in images:
        out = BytesIO()
        Image.fromarray(image).save(out, "JPEG", **options)
        files.append(out.getvalue())
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "ends": np.cumsum([len(f) for f in files]),
        "labels": np.arange(len(files), dtype=np.uint8) % 10,
    }


def plain(n: int) -> list[np.ndarray]:
    """Images of one colour each: JPEG keeps those within a step or two."""
    colours = np.random.default_rng(n).integers(0, 256, (n, 1, 1, 3), np.uint8)
    return list(np.broadcast_to(colours, (n, 32, 32, 3)))


def jpeg_version(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for part, n in (("train", 20), ("test", 10)):
        np.savez(folder / f"{part}_jpeg.npz", **jpegs(plain(n), quality=100))
    return folder


def binary_version(folder: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """(folder, labels and pixels of training, of test)."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (12, 3073), np.uint8)
    records[:, 0] %= 10
    for k in range(5):
        records[2 * k : 2 * k + 2].tofile(folder / f"data_batch_{k + 1}.bin")
    records[10:].tofile(folder / "test_batch.bin")
    return folder, records[:10], records[10:]


def test_jpegs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = cifar10(jpeg_version(tmp_path / "cifar10"))
    assert (data.name, data.x_train.shape, data.x_test.shape, data.classes) == ("cifar10", (20, 3072), (10, 3072), 10)
    assert data.shape == (3, 32, 32)
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([*range(10)] * 2, [*range(10)])
    expected = np.moveaxis(np.array(plain(20)), -1, 1).reshape(20, 3072)  # red plane, green plane, blue plane
    assert np.abs(data.x_train.astype(int) - expected).max() <= 3
    assert load("cifar10", tmp_path).digest == data.digest
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path))
    assert load("cifar10").digest == data.digest


@pytest.mark.parametrize("room", [".", "cifar10", "cifar-10-batches-bin"])
def test_binary_version(room: str, tmp_path: Path) -> None:
    _, train, test = binary_version(tmp_path / room)
    data = cifar10(tmp_path)
    assert (data.name, data.classes, data.shape) == ("cifar10", 10, (3, 32, 32))
    assert (data.x_train == train[:, 1:]).all() and (data.x_test == test[:, 1:]).all()
    assert (data.y_train == train[:, 0]).all() and (data.y_test == test[:, 0]).all()


def test_a_complete_version_wins_over_a_part_of_another(tmp_path: Path) -> None:
    binary_version(tmp_path)
    (jpeg_version(tmp_path) / "test_jpeg.npz").unlink()
    assert len(cifar10(tmp_path).y_train) == 10


def test_missing_files_are_named(tmp_path: Path) -> None:
    assert told(cifar10, tmp_path) == (
        f"data set cifar10: neither train_jpeg.npz nor data_batch_1.bin found in {tmp_path}; {FETCH}, "
        "or name its folder with --data or CODESIGN_DATA (its cifar10/)"
    )
    room = tmp_path / "cifar-10-batches-bin"
    binary_version(room)
    (room / "data_batch_3.bin").unlink()
    (room / "test_batch.bin").unlink()
    assert told(cifar10, tmp_path) == (
        f"data set cifar10: data_batch_3.bin, test_batch.bin not found in {room}; {FETCH}"
    )
    (jpeg_version(tmp_path) / "train_jpeg.npz").unlink()
    assert told(cifar10, tmp_path) == f"data set cifar10: train_jpeg.npz not found in {tmp_path}; {FETCH}"


@pytest.mark.parametrize("room", [".", "cifar10", "cifar-10-batches-py"])
def test_the_pickle_is_not_opened(room: str, tmp_path: Path) -> None:
    (tmp_path / room).mkdir(exist_ok=True)
    (tmp_path / room / "data_batch_1").write_bytes(b"\x80\x02}q\x01.")
    assert told(cifar10, tmp_path) == (
        f"data set cifar10: {tmp_path / room} holds the python version, a pickle, which codesign does not open; {FETCH}"
    )


def changed(key: str, value: Callable[[np.ndarray], Any]) -> dict[str, np.ndarray]:
    good = jpegs(plain(4))
    return good | {key: np.asarray(value(good[key]))}


ENDS = jpegs(plain(4))["ends"].tolist()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("jpeg", lambda a: a.astype(int), f"jpeg must be a 1-D array of uint8, got int64 ({ENDS[-1]},)"),
        ("jpeg", lambda a: a[None], f"jpeg must be a 1-D array of uint8, got uint8 (1, {ENDS[-1]})"),
        ("ends", lambda a: a.astype(float), "ends must be a 1-D array of 1..50000 integers, got float64 (4,)"),
        ("ends", lambda a: a[None], "ends must be a 1-D array of 1..50000 integers, got int64 (1, 4)"),
        ("ends", lambda a: a[:0], "ends must be a 1-D array of 1..50000 integers, got int64 (0,)"),
        ("ends", lambda a: np.arange(50001), "ends must be a 1-D array of 1..50000 integers, got int64 (50001,)"),
        ("ends", lambda a: [0, *a[1:]], f"image 0 must end after byte 0 and by byte {ENDS[-1]}, got 0"),
        ("ends", lambda a: [-5, *a[1:]], f"image 0 must end after byte 0 and by byte {ENDS[-1]}, got -5"),
        (
            "ends",
            lambda a: [a[0], a[2], a[1], a[3]],
            f"image 2 must end after byte {ENDS[2]} and by byte {ENDS[-1]}, got {ENDS[1]}",
        ),
        (
            "ends",
            lambda a: [*a[:3], a[3] + 1],
            f"image 3 must end after byte {ENDS[2]} and by byte {ENDS[-1]}, got {ENDS[3] + 1}",
        ),
        (
            "ends",
            lambda a: np.array([*a[:3], 2**64 - 1], np.uint64),
            f"image 3 must end after byte {ENDS[2]} and by byte {ENDS[-1]}, got -1",
        ),
        ("labels", lambda a: a[:3], "labels must be a 1-D array of 4 integers, got uint8 (3,)"),
        ("labels", lambda a: a.astype(float), "labels must be a 1-D array of 4 integers, got float64 (4,)"),
        ("labels", lambda a: [0, 1, 10, 11], "label of image 2 must lie in 0..9, got 10"),
        ("labels", lambda a: [0, 1, 2, -1], "label of image 3 must lie in 0..9, got -1"),
    ],
)
def test_impossible_indexes_are_refused(
    key: str, value: Callable[[np.ndarray], Any], message: str, tmp_path: Path
) -> None:
    path = jpeg_version(tmp_path) / "train_jpeg.npz"
    np.savez(path, **changed(key, value))
    assert told(cifar10, tmp_path) == f"{path}: {message}; fetch the file again"


def test_damaged_jpegs_name_file_and_image(tmp_path: Path) -> None:
    path = jpeg_version(tmp_path) / "test_jpeg.npz"

    def after(jpeg: np.ndarray, ends: np.ndarray) -> str:
        np.savez(path, jpeg=jpeg, ends=ends, labels=np.arange(len(ends)))
        text = told(cifar10, tmp_path)
        assert text.startswith(f"{path}: image ") and text.endswith("; fetch the file again")
        return text.removeprefix(f"{path}: ").removesuffix("; fetch the file again")

    good = jpegs(plain(4))
    jpeg, ends = good["jpeg"].copy(), good["ends"]
    jpeg[ends[1]] ^= 1  # first byte of image 2
    assert after(jpeg, ends) == "image 2: is not a readable JPEG picture"
    assert after(good["jpeg"], np.array([*ends[:3], ends[3] - 40])) == "image 3: cannot be read (Truncated File Read)"
    small = jpegs([*plain(2), np.zeros((32, 31, 3), np.uint8)])
    assert after(small["jpeg"], small["ends"]) == "image 2: is 31 x 32 RGB, must be 32 x 32 RGB"
    grey = jpegs([*plain(1), np.zeros((32, 32), np.uint8)])
    assert after(grey["jpeg"], grey["ends"]) == "image 1: is 32 x 32 grey, must be 32 x 32 RGB"
    out = BytesIO()
    Image.new("RGB", (32, 32)).save(out, "PNG")
    png = np.frombuffer(out.getvalue(), np.uint8)
    assert after(png, np.array([len(png)])) == "image 0: is not a readable JPEG picture"


def test_a_damaged_npz_is_told(tmp_path: Path) -> None:
    path = jpeg_version(tmp_path) / "train_jpeg.npz"
    np.savez(path, jpeg=np.zeros(4, np.uint8), labels=np.zeros(4))
    assert told(cifar10, tmp_path) == f"{path}: ends missing, holds jpeg, labels; fetch the file again"


@pytest.mark.parametrize("size", [0, 3072, 3074, 10001 * 3073])
def test_binary_files_are_whole_records(size: int, tmp_path: Path) -> None:
    binary_version(tmp_path)
    path = tmp_path / "data_batch_4.bin"
    os.truncate(path, size)
    assert told(cifar10, tmp_path) == (
        f"{path}: must be 1..10000 records of 3073 bytes, has {size} bytes; fetch the file again"
    )


def test_full_size_binary_files(tmp_path: Path) -> None:
    binary_version(tmp_path)
    os.truncate(tmp_path / "data_batch_1.bin", 10000 * 3073)
    assert cifar10(tmp_path).x_train.shape == (10008, 3072)


def test_50000_images_are_the_most(tmp_path: Path) -> None:
    path = jpeg_version(tmp_path) / "train_jpeg.npz"
    np.savez(path, jpeg=np.zeros(50000, np.uint8), ends=np.arange(1, 50001), labels=np.zeros(50000, int))
    assert told(cifar10, tmp_path) == f"{path}: image 0: is not a readable JPEG picture; fetch the file again"


def test_binary_labels_are_judged(tmp_path: Path) -> None:
    binary_version(tmp_path)
    path = tmp_path / "test_batch.bin"
    data = bytearray(path.read_bytes())
    data[3073] = 10
    path.write_bytes(data)
    assert told(cifar10, tmp_path) == f"{path}: label of image 1 must lie in 0..9, got 10; fetch the file again"


def test_unreadable_binary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    binary_version(tmp_path)
    monkeypatch.setattr(cifar, "open_regular", denied)
    assert told(cifar10, tmp_path) == (
        f"{tmp_path}/data_batch_1.bin: cannot be read (Permission denied); fetch the file again"
    )


def test_real_cifar10() -> None:
    path = places("cifar10", None)[0] / "test_jpeg.npz"  # the training images take seconds
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    x, y = cifar._jpegs(path)
    assert (x.shape, np.bincount(y).tolist()) == ((10000, 3072), [1000] * 10)
    means = x.reshape(-1, 3, 1024).mean(axis=(0, 2)) / 255
    assert means == pytest.approx([0.4942, 0.4851, 0.4504], abs=1e-3)  # red, green, blue of the original test images
