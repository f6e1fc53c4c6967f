"""The user's own arrays: shapes they get, and what is refused in which words."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.data import arrays, load, npz
from tests.data.told import told

SAVE = "save x_train, y_train, x_test, y_test with numpy.savez_compressed, an image or row of numbers each"


def parts(**changes: object) -> dict[str, Any]:
    x = np.arange(48, dtype=np.uint8)
    good = {
        "x_train": x.reshape(6, 2, 4),
        "y_train": [0, 1, 2, 0, 1, 2],
        "x_test": x[:16].reshape(2, 2, 4),
        "y_test": [1, 2],
    }
    return {k: np.asarray(v) for k, v in (good | changes).items() if v is not None}


def saved(path: Path, **changes: object) -> Path:
    np.savez(path / "mine.npz", **parts(**changes))
    return path / "mine.npz"


def test_own_arrays(tmp_path: Path) -> None:
    data = load(str(saved(tmp_path)))
    assert (data.name, data.x_train.shape, data.x_test.shape, data.classes) == ("mine", (6, 8), (2, 8), 3)
    assert data.shape == (1, 2, 4)
    assert arrays(saved(tmp_path, x_train=parts()["x_train"].astype(float))).digest == data.digest
    assert arrays(saved(tmp_path, x_train=parts()["x_train"].astype(np.int8))).digest == data.digest
    assert arrays(saved(tmp_path, y_train=[[k] for k in [0, 1, 2, 0, 1, 2]])).digest == data.digest
    assert arrays(saved(tmp_path, x_test=np.ones((2, 2, 4), bool))).x_test.tolist() == [[1] * 8] * 2


@pytest.mark.parametrize("value", [0.5, 256, -1.0])
def test_numbers_of_any_range(value: float, tmp_path: Path) -> None:
    x = parts()["x_test"].astype(np.float32)
    x[1, 0, 2] = value
    data = arrays(saved(tmp_path, x_test=x))
    assert data.is_real and data.shape == (1, 2, 4)
    assert (data.x_train == parts()["x_train"].reshape(6, 8)).all() and (data.x_test == x.reshape(2, 8)).all()


@pytest.mark.parametrize(
    ("given", "shape", "transposed"),
    [
        ((8,), (), False),
        ((2, 4), (1, 2, 4), False),
        ((1, 2, 4), (1, 2, 4), False),
        ((3, 2, 4), (3, 2, 4), False),
        ((2, 4, 1), (1, 2, 4), False),
        ((2, 4, 3), (3, 2, 4), True),
        ((3, 4, 3), (), False),  # both ways
        ((1, 4, 3), (), False),
        ((2, 4, 2), (), False),  # neither
        ((1, 3, 2, 4), (), False),
    ],
)
def test_shapes(given: tuple[int, ...], shape: tuple[int, ...], transposed: bool, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, *given), np.uint8)
    data = arrays(saved(tmp_path, x_train=x, x_test=x[:2]))
    assert data.shape == shape
    rows = [np.moveaxis(i, -1, 0).ravel().tolist() if transposed else i.ravel().tolist() for i in x]
    assert (data.x_train.tolist(), data.x_test.tolist()) == (rows, rows[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, f"y_test missing, holds x_train, y_train, x_test; {SAVE}"),
        (
            {"x_test": np.full((2, 8), np.nan)},
            "x_test: 16 values are NaN or infinite, the first at (0, 0); remove them, or fill them in",
        ),
        (
            {"x_test": np.array([[0, 1], [np.inf, 1]])},
            "x_test: 1 values are NaN or infinite, the first at (1, 0); remove them, or fill them in",
        ),
        ({"x_train": np.zeros((0, 8), np.uint8)}, "x_train: is empty (shape (0, 8)); at least one image is required"),
        ({"x_train": np.uint8(3)}, "x_train: is empty (shape ()); at least one image is required"),
        ({"x_train": np.array(["a"])}, "x_train: must hold numbers, got <U1; turn text into numbers first"),
        (
            {"y_train": [0, 1, -1, 0, 1, 2]},
            "y_train: must hold whole numbers 0..65535, got -1 at (2,); "
            "number the classes from 0, at most 65536 of them",
        ),
        (
            {"y_train": [0, 1, 65536, 0, 1, 2]},
            "y_train: must hold whole numbers 0..65535, got 65536 at (2,); "
            "number the classes from 0, at most 65536 of them",
        ),
        (
            {"y_train": list("012012")},
            "y_train: must hold integers, got <U1; number the classes from 0, at most 65536 of them",
        ),
        (
            {"y_test": [1]},
            "y_test: must hold one label per image (2), got shape (1,); save the class number of each image",
        ),
        (
            {"y_train": np.eye(6)},
            "y_train: must hold one label per image (6), got shape (6, 6); save the class number of each image",
        ),
        (
            {"x_test": np.zeros((2, 4, 2), np.uint8)},
            "x_train and x_test must hold images of one shape, got (2, 4) and (4, 2); bring them to one size",
        ),
        (
            {"y_train": [0, 1, 3, 0, 1, 4]},
            "y_train: class 2 of 0..4 has no training image; add some, or number the classes without gaps",
        ),
    ],
)
def test_impossible_arrays_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = saved(tmp_path, **changes)
    assert told(arrays, path) == f"{path}: {message}"


def test_names_in_the_file_are_shown_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **{"a\nb": 1, "c\x1b[31m": 2})
    lacks = "x_train, y_train, x_test, y_test missing"
    assert told(arrays, path) == f"{path}: {lacks}, holds a b, c\\x1b[31m; {SAVE}"
    np.savez(path, **{str(k): k for k in range(8)})
    assert told(arrays, path) == f"{path}: {lacks}, holds 0, 1, 2, 3, 4, 5, 6, 7; {SAVE}"
    np.savez(path, **{str(k): k for k in range(9)})
    assert told(arrays, path) == f"{path}: {lacks}, holds 0, 1, 2, 3, 4, 5, 6, 7, ...; {SAVE}"
    np.savez(path)
    assert told(arrays, path) == f"{path}: {lacks}, holds nothing; {SAVE}"


def test_the_record_judges_the_rest(tmp_path: Path) -> None:
    assert told(arrays, saved(tmp_path, y_test=[1, 3])) == (
        "data set mine: test labels must lie in 0..2, got 1..3; number the classes from 0, each with training images"
    )
    assert told(arrays, saved(tmp_path, y_train=[0] * 6, y_test=[0, 0])) == (
        "data set mine: needs at least 2 classes, got 1; add images of another class"
    )


def test_65536_classes_are_allowed(tmp_path: Path) -> None:
    x = np.zeros((65536, 1), np.uint8)
    assert arrays(saved(tmp_path, x_train=x, y_train=np.arange(65536), x_test=x[:2])).classes == 65536


def test_unreadable_files(tmp_path: Path) -> None:
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"PK\x03\x04 no")
    assert told(arrays, bad) == f"{bad}: cannot be read (File is not a zip file); {SAVE}"
    pickled = tmp_path / "pickle.npz"
    np.savez(pickled, **parts(x_train=np.array([{}], dtype=object)))
    assert told(arrays, pickled) == (
        f"{pickled}: cannot be read (Object arrays cannot be loaded when allow_pickle=False); {SAVE}"
    )
    assert told(load, "none.npz", tmp_path) == f"{tmp_path}/none.npz: no such file; {SAVE}"
    single = tmp_path / "single.npz"
    with single.open("wb") as f:
        np.save(f, np.zeros(3))
    assert told(arrays, single) == f"{single}: holds a single array without a name, not an .npz; {SAVE}"
    assert told(arrays, tmp_path) == f"{tmp_path}: cannot be read (Is a directory); {SAVE}"


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as z:
        for k, a in parts().items():
            data = io.BytesIO()
            np.save(data, a)
            z.writestr(f"{k}.npy", b"not an array" if k == "y_test" else data.getvalue())
    assert told(arrays, path) == f"{path}: y_test is not a NumPy array; {SAVE}"


def test_words_of_others_stay_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    head = b"{" + b" " * 20000 + b"}\n"  # NumPy answers an overlong header in two lines
    with zipfile.ZipFile(path, "w") as z:
        for k in parts():
            z.writestr(f"{k}.npy", b"\x93NUMPY\x02\x00" + len(head).to_bytes(4, "little") + head)
    assert "Header info length" in told(arrays, path)


def test_arrays_unpack_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **parts(), other=np.zeros(10**6))  # what is not read does not count
    stated = sum(zipfile.ZipFile(path).getinfo(f"{k}.npy").file_size for k in parts())
    monkeypatch.setattr(npz, "LIMIT", stated)
    assert arrays(path).classes == 3
    monkeypatch.setattr(npz, "LIMIT", stated - 1)
    assert told(arrays, path) == f"{path}: unpacks to {stated} bytes, more than the limit of {stated - 1}; {SAVE}"


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, {"descr": "|u1", "fortran_order": False, "shape": (2**62,)})
    with zipfile.ZipFile(path, "w") as z:
        for k in parts():
            z.writestr(f"{k}.npy", data.getvalue())
    assert told(arrays, path).startswith(f"{path}: cannot be read (Unable to allocate 4.00 EiB")


@pytest.mark.parametrize("seed", range(40))
def test_damage_never_escapes_as_another_kind(seed: int, tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(data), 4):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data[: len(data) - int(rng.integers(0, 3)) * 50])
    told(arrays, path)
