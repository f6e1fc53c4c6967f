"""IDX files and MNIST: found, read, and refused with file, byte and what was expected."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from codesign.data import idx, idx_files, load, mnist
from codesign.data.files import places
from codesign.errors import InputError
from tests.data.told import told


def write_idx(path: Path, array: np.ndarray) -> Path:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return path


def small_mnist(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, n in (("train", 30), ("t10k", 20)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 4, 5)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n) % 10)
    return folder


def test_mnist_files_from_folder_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    small_mnist(tmp_path / "mnist")
    data = mnist(tmp_path / "mnist")
    assert (data.x_train.shape, data.x_test.shape, data.classes) == ((30, 20), (20, 20), 10)
    assert data.shape == (1, 4, 5)
    assert load("mnist", tmp_path).digest == data.digest
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path))
    assert load("mnist").digest == data.digest


def test_missing_mnist_files_are_named(tmp_path: Path) -> None:
    small_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    assert told(mnist, tmp_path) == (
        f"data set mnist: t10k-labels-idx1-ubyte.gz not found in {tmp_path}; put MNIST's four IDX .gz files there, "
        "or name their folder with --data or CODESIGN_DATA (its mnist/)"
    )


def test_missing_mnist_is_told(tmp_path: Path) -> None:
    assert told(mnist, tmp_path) == (
        "data set mnist: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
        f"t10k-labels-idx1-ubyte.gz not found in {tmp_path}; put MNIST's four IDX .gz files there, "
        "or name their folder with --data or CODESIGN_DATA (its mnist/)"
    )


@pytest.mark.parametrize(
    ("name", "shape", "axes"),
    [
        ("train-images-idx3", (30,), "images, height, width"),
        ("train-images-idx3", (0, 4, 5), "images, height, width"),
        ("t10k-labels-idx1", (20, 4, 5), "images"),
    ],
)
def test_mnist_files_hold_what_their_names_say(name: str, shape: tuple[int, ...], axes: str, tmp_path: Path) -> None:
    small_mnist(tmp_path)
    path = write_idx(tmp_path / f"{name}-ubyte.gz", np.zeros(shape))
    assert told(mnist, tmp_path) == (
        f"{path}: must hold a non-empty array ({axes}), got shape {shape}; fetch the file again"
    )


def test_test_images_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = write_idx(small_mnist(tmp_path) / "t10k-images-idx3-ubyte.gz", np.zeros((20, 5, 4)))
    assert told(mnist, tmp_path) == (
        f"{path}: must hold images of (4, 5) like the training images, got (5, 4); fetch the file again"
    )


def test_damaged_idx_files_name_file_byte_and_expectation(tmp_path: Path) -> None:
    good = write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(0, 256, (40, 50, 60)))
    assert idx(good).shape == (40, 50, 60)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(good.read_bytes()[:70000])
    with pytest.raises(InputError, match=r"^/.*cut\.gz: damaged after byte \d+ of its contents \(.*\); fetch the file"):
        idx(cut)
    flipped = tmp_path / "flip.gz"
    data = bytearray(good.read_bytes())
    data[-6] ^= 1  # its CRC
    flipped.write_bytes(data)
    with pytest.raises(InputError, match=r"flip\.gz: damaged after byte \d+ .*CRC"):
        idx(flipped)
    stream = tmp_path / "stream.gz"
    stream.write_bytes(good.read_bytes()[:10] + b"\xff" * 100)
    assert told(idx, stream) == (
        f"{stream}: damaged after byte 0 of its contents (Error -3 while decompressing data: invalid block type); "
        "fetch the file again"
    )
    short = tmp_path / "short.gz"
    short.write_bytes(gzip.compress(gzip.decompress(good.read_bytes())[:-7]))
    assert told(idx, short) == (
        f"{short}: ends at byte 120009, expected 120016 for shape (40, 50, 60); fetch the file again"
    )
    assert told(idx, tmp_path / "none.gz") == f"{tmp_path}/none.gz: no such file; give an IDX .gz file"


@pytest.mark.parametrize("data", [b"hello, world", b"\0\0\x09\1\0\0\0\0", b"\0\0\x08\0", b"\0\0\x08\5" + bytes(20)])
def test_files_that_are_no_idx_of_uint8(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.gz"
    path.write_bytes(gzip.compress(data))
    assert told(idx, path) == (
        f"{path}: bytes 0..3 must be 00 00 08 and 01..04 (IDX of uint8), got {data[:4].hex(' ')}; wrong file?"
    )


@pytest.mark.parametrize("cut", [4, 7, 8, 11])
def test_idx_headers_cut_short(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])[:cut]))
    assert told(idx, path) == f"{path}: ends at byte {cut} of a header of 12 bytes; fetch the file again"


@pytest.mark.parametrize("cut", range(4))
def test_idx_files_end_anywhere(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8])[:cut]))
    assert f"{path}: bytes 0..3 must be" in told(idx, path)


def test_sizes_past_64_bits_are_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 4]) + b"\x80\0\0\0" * 4))  # 2**124, and 0 in 64 bits
    shape = (2**31,) * 4
    assert told(idx, path) == (
        f"{path}: ends at byte 20, expected {20 + 2**124} for shape {shape}; fetch the file again"
    )


def test_idx_files_unpack_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx_files, "LIMIT", 1 << 17)
    assert idx(write_idx(tmp_path / "fits.gz", np.zeros((1 << 17) - 8))).shape == ((1 << 17) - 8,)
    path = write_idx(tmp_path / "bomb.gz", np.zeros((1 << 17) - 7))
    message = f"{path}: unpacks to more than 131072 bytes, the limit of an IDX file; wrong file?"
    assert told(idx, path) == message
    write_idx(path, np.zeros(5000000))
    path.write_bytes(path.read_bytes()[:-100])  # nobody reads that far
    assert told(idx, path) == message


def test_real_mnist() -> None:
    home = places("mnist", None)[0]
    if not home.is_dir():  # a damaged file fails
        pytest.skip(f"{home} is absent")
    data = mnist()
    assert (data.x_train.shape, data.x_test.shape, data.shape) == ((60000, 784), (10000, 784), (1, 28, 28))
    assert np.bincount(data.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
