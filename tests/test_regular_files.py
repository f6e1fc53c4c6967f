"""Pipes, devices and files of any size where ours are expected: told in one line, not waited for, not read whole."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign import data, report
from codesign.cli.common import read_array
from codesign.errors import InputError, OutputError
from codesign.flow import Flow, run
from codesign.folders import MARKER, claimed
from tests.cli.calls import Call


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)  # sparse


Put = Callable[[Path], None]
every = pytest.mark.parametrize("put", [pipe, device, huge])


@every
def test_report(put: Put, call: Call, tmp_path: Path) -> None:
    put(tmp_path / "summary.json")
    status, out, err = call("report", tmp_path)
    assert (status, out) == (1, "") and err.startswith(f"error: {tmp_path / 'summary.json'}: cannot be read (")
    with pytest.raises(InputError):
        report.load(tmp_path)


@every
def test_the_marker_of_an_output_folder(put: Put, tmp_path: Path) -> None:
    put(tmp_path / MARKER)
    with pytest.raises(OutputError, match=r"^\S+: holds files codesign did not write "), claimed(tmp_path, "run"):
        pass


@every
@pytest.mark.parametrize(("load", "name"), [(data.arrays, "x.npz"), (data.idx, "x.gz")])
def test_data(put: Put, load: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    put(path)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: cannot be read (")


@pytest.mark.parametrize("put", [pipe, device])
def test_inputs(put: Put, tmp_path: Path) -> None:
    put(tmp_path / "x.npy")
    with pytest.raises(InputError) as caught:
        read_array(tmp_path / "x.npy")
    assert str(caught.value) == f"{tmp_path / 'x.npy'}: cannot be read (not a regular file); give a .npy file"


def test_only_the_rows_that_are_used_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(40, dtype=np.uint8).reshape(2, 20))
    with path.open("r+b") as f:  # the same two rows, of a thousand million
        np.lib.format.write_array_header_1_0(f, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 20)})
    os.truncate(path, path.stat().st_size - 40 + 20 * 10**9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x = read_array(path)
    assert x.shape == (10**9, 20) and x[:2].ravel().tolist() == list(range(40))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (2, 3, 4)])
def test_arrays_as_they_were_saved(shape: tuple[int, ...], order: str, tmp_path: Path) -> None:
    made = np.asarray(np.random.default_rng(0).integers(-9, 9, shape), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "x.npy", made)
    found = read_array(tmp_path / "x.npy")
    assert found.dtype == made.dtype and found.shape == shape and (found == made).all()


@every
def test_a_done_json(put: Put, call: Call, tmp_path: Path) -> None:
    """A stage whose record is none is not done; its work is done again."""
    from codesign.flow.runner import _sha256

    put(tmp_path / "x")
    if put is huge:
        os.truncate(tmp_path / "x", 1 << 43)
    with pytest.raises(OSError):
        _sha256(tmp_path / "x")


def test_an_array_in_place_of_an_npz_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    with path.open("wb") as f:
        np.lib.format.write_array_header_1_0(f, {"descr": "<f8", "fortran_order": False, "shape": (1 << 35,)})
    monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: pytest.fail("read"))
    with pytest.raises(InputError) as caught:
        data.arrays(path)
    assert str(caught.value).startswith(f"{path}: holds a single array without a name, not an .npz; ")


def test_a_pipe_in_place_of_a_stage_record_or_file(tmp_path: Path) -> None:
    flow = Flow.load("digits_mlp", ["train.epochs=1", "train.baseline=false"])
    assert run(flow, tmp_path, last="train") == ("train",)
    for name in ("labels.npy", "done.json"):
        (tmp_path / "01_train" / name).unlink()
        os.mkfifo(tmp_path / "01_train" / name)
        assert run(flow, tmp_path, last="train") == ("train",)
        assert run(flow, tmp_path, last="train") == ()
