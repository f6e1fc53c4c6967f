"""codesign compile takes ONNX files, quantized and float, as a user types it."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import Call
from tests.frontend.onnx.build import File, bipolar, saved


def inputs(folder: Path, features: int) -> Path:
    path = folder / "x.npy"
    np.save(path, np.random.default_rng(0).random((40, features)))
    return path


def floats(folder: Path) -> Path:
    """8-6-3 in full precision."""
    f = File(seed=3)
    x = f.op("Relu", f.op("MatMul", "x", f.constant(f.rng.normal(size=(8, 6)))))
    return saved(f.model(f.op("MatMul", x, f.constant(f.rng.normal(size=(6, 3)))), ["n", 8]), folder)


@pytest.mark.parametrize("name", ["net.onnx", "NET.ONNX"])
def test_a_quantized_file_is_compiled_and_simulated(name: str, call: Call, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "program"
    shutil.move(saved(bipolar(12, 7, 5), tmp_path), path)
    status, text, err = call("compile", path, "--chip", "tiny", "--out", out)
    assert (status, err) == (0, "")
    first, second = text.splitlines()
    assert first.startswith(f"{path.stem} on tiny: ") and first.endswith(f"; in {out}")
    assert second == "requantizers against the file's arithmetic: 12 columns x 299 values, 0 differ"
    status, text, _ = call("simulate", out, "--real", "--inputs", inputs(tmp_path, 12), "--images", "5")
    assert status == 0 and text.startswith("5 images: every word and cycle as predicted")


def test_a_float_file_needs_typical_inputs(call: Call, tmp_path: Path) -> None:
    path, out = floats(tmp_path), tmp_path / "program"
    status, _, err = call("compile", path, "--chip", "tiny", "--out", out)
    assert (status, err) == (
        1, f"error: {path}: a float model needs calibration; pass a few hundred typical inputs\n"
    )  # fmt: skip
    assert not out.exists()
    words = ("compile", path, "--chip", "tiny", "--out", out, "--calibration", inputs(tmp_path, 8))
    status, text, err = call(*words, "--effort", "high", "--json")
    assert status == 0 and "certificate" not in json.loads(text)
    status, _, err = call(*words, "--effort", "most")
    assert (status, err) == (1, 'error: compile: effort must be "normal" or "high", got \'most\'\n')


def test_without_the_package(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = floats(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, _, err = call("compile", path, "--chip", "tiny", "--out", tmp_path / "program")
    assert (status, err) == (
        1, f"error: {path}: reading ONNX needs the package onnx; run: pip install 'codesign[onnx]'\n"
    )  # fmt: skip
