"""What a network does by itself: the verbs of the room, called on it; none needs torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codesign
from codesign import ir
from codesign.errors import ImageError, InputError, OutputError
from tests.ir.networks import residual, toy

X = np.arange(-8, 7).reshape(3, 5)


def test_run() -> None:
    network = toy()
    assert (network.run(X) == ir.run(network, X)).all() and len(np.unique(network.run(X))) > 3
    with pytest.raises(InputError, match="shape must be"):
        network.run(X.T)


def test_save_and_load(tmp_path: Path) -> None:
    file = residual().save(tmp_path / "net.safetensors")
    assert file == tmp_path / "net.safetensors"
    ir.save(residual(), tmp_path / "other.safetensors")
    assert file.read_bytes() == (tmp_path / "other.safetensors").read_bytes()
    assert str(codesign.Network.load(str(file))) == str(residual())
    with pytest.raises(ImageError, match="no such network file"):
        codesign.Network.load(tmp_path / "none.safetensors")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as caught:
        toy().save(tmp_path / "file" / "net.safetensors")
    assert str(caught.value).startswith(f"{tmp_path}/file/net.safetensors: cannot be")
    assert toy().save(tmp_path / "new" / "net.safetensors").is_file(), "folders are made"


def test_an_older_file_is_as_before_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toy().save(tmp_path / "net.safetensors")
    before = file.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        residual().save(file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_printing_shows_every_node() -> None:
    assert str(toy()) == f"{toy()}" == ir.show(toy())


def test_torch_is_not_needed(tmp_path: Path) -> None:
    file = toy().save(tmp_path / "net.safetensors")
    code = f"import codesign, sys; print(codesign.Network.load({str(file)!r}).run([[1] * 5]), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
