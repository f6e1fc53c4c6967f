"""Pipes, devices and huge files in place of what a command reads: one line at once, nothing read whole."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.calls import Call
from codesign.cli.common import MAPPED, read_array
from codesign.errors import InputError
from codesign.flow import Flow, run
from codesign.train.data import arrays, idx

HUGE = 1 << 40


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as f:
        f.truncate(HUGE + 1)


@pytest.fixture(params=[pipe, device, huge])
def make(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return request.param  # type: ignore[no-any-return]


WHY = {
    "pipe": "not a regular file",
    "device": "not a regular file",
    "huge": "1,099,511,627,777 bytes, at most {:,} are expected",
}


def test_report(call: Call, tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "summary.json"
    make(path)
    why = WHY[make.__name__].format(1 << 20)
    assert call("report", tmp_path) == (
        1,
        "",
        f"error: {path}: cannot be read ({why}); finish the run with `codesign run FLOW --out {tmp_path}`\n",
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("chip.toml", ["chip", "check", "{}"]),
        ("flow.toml", ["run", "{}", "--out", "out"]),
        ("study.toml", ["study", "{}", "--out", "out"]),
        ("question.toml", ["optimize", "{}", "--out", "out"]),
    ],
)
def test_settings(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], name: str, command: list
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path(name))
    status, out, err = call(*(word.format(name) for word in command))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1 and WHY[make.__name__].split("{")[0] in err
    assert not Path("out").exists()


def test_arrays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "x.npy"
    make(path)
    with pytest.raises(InputError) as caught:
        read_array(path)
    assert str(caught.value) == f"{path}: cannot be read ({WHY[make.__name__].format(HUGE)}); give a .npy file"


def test_a_large_array_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(MAPPED // 64 + 1, 64))
    x[1] = 7
    x.flush()
    found = read_array(path)
    assert isinstance(found, np.memmap)
    assert (np.asarray(found[:2]) == [[0], [7]]).all()


def test_small_and_truncated_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(6).reshape(2, 3))
    assert read_array(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    x = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(2 * MAPPED, 1))
    del x
    with path.open("r+b") as f:
        f.truncate(MAPPED + 1000)
    with pytest.raises(InputError) as caught:
        read_array(path)
    assert str(caught.value) == f"{path}: is not a .npy file of numbers; save one array with numpy.save"


@pytest.mark.parametrize("read", [arrays, idx])
def test_data_sets(tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], object]) -> None:
    path = tmp_path / "data"
    make(path)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert WHY[make.__name__].split("{")[0] in str(caught.value)


def test_an_array_in_place_of_an_npz_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    with path.open("wb") as f:
        np.lib.format.write_array_header_1_0(f, {"descr": "<f8", "fortran_order": False, "shape": (1 << 35,)})
    monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: pytest.fail("read"))
    with pytest.raises(InputError) as caught:
        arrays(path)
    assert str(caught.value).startswith(f"{path}: holds one array without a name, not an .npz; ")


def test_a_pipe_in_place_of_a_stage_record_or_file(tmp_path: Path) -> None:
    flow = Flow.load("digits_mlp", ["train.epochs=1", "train.float_baseline=false"])
    assert run(flow, tmp_path, last="train") == ("train",)
    for name in ("labels.npy", "done.json"):
        (tmp_path / "01_train" / name).unlink()
        os.mkfifo(tmp_path / "01_train" / name)
        assert run(flow, tmp_path, last="train") == ("train",)
        assert run(flow, tmp_path, last="train") == ()
