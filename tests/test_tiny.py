"""The whole flow on a toy network and the small chip: data to compared Verilog, in seconds."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import compile, ir
from codesign.account import Removed
from codesign.cli import main
from codesign.flow import Flow
from codesign.flow.record import collect
from codesign.flow.stage import Context
from codesign.flow.stages import STAGES
from codesign.report import load, text
from tests.tools import needs

pytestmark = needs("iverilog")

FLOW = """\
name = "toy"
chip = "tiny"

[data]
dataset = "toy.npz"

[network]
hidden = [8]

[quantize]
input_bits = 4
activation_bits = 3

[train]
epochs = 2

[simulate]
images = 4
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run in `out`."""
    home = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = rng.integers(0, 120, (120, 20)) + 100 * (np.arange(20) % 3 == y[:, None])
    np.savez(home / "toy.npz", x_train=x[:100], y_train=y[:100], x_test=x[100:], y_test=y[100:])
    (home / "toy.toml").write_text(FLOW)
    assert main(["run", str(home / "toy.toml"), "--out", str(home / "out"), "--data", str(home)]) == 0
    return home


def again(home: Path, *options: str) -> int:
    return main(["run", str(home / "toy.toml"), "--out", str(home / "out"), "--data", str(home), *options])


def test_summary(done: Path) -> None:
    s = json.loads((done / "out" / "summary.json").read_text())
    assert s["mismatches"] == 0
    assert s["cycles"]["predicted"] == s["cycles"]["simulated"] >= s["cycles"]["bound"] > 0
    assert s["cycles"]["interval"] == s["cycles"]["interval_simulated"]
    assert {k: v["images"] for k, v in s["accuracy"].items()} == {
        "float": 20,
        "quantized": 20,
        "network": 20,
        "reference": 20,
        "reference_simulated": 4,
        "rtl": 4,
    }
    a = {name: found["percent"] for name, found in s["accuracy"].items()}
    costs = (a["float"] - a["network"], a["network"] - a["reference"], a["reference_simulated"] - a["rtl"])
    assert s["losses"] == dict(zip(("quantization", "converters", "rtl"), map(pytest.approx, costs), strict=True))
    assert list(s["clipped"]) == ["fc1", "fc2"] and s["removed"] == []
    with np.load(done / "toy.npz") as data:
        low, high = int(data["x_train"].min()), int(data["x_train"].max())
        x = ((data["x_test"] - low) << 4) // (high - low + 1)
    step = (high - low + 1) / 16
    assert s["inputs"] == {
        "bits": 4,
        "signed": False,
        "low": low,
        "high": high,
        "step": step,
        "offset": low + step / 2,
        "real": False,
    }
    assert s["data"] == {
        "name": "toy",
        "train": 100,
        "test": 20,
        "features": 20,
        "classes": 3,
        "scale": "set",
        "shape": None,
    }
    assert 0 < high < 255  # not the whole range of a byte
    assert (np.load(done / "out" / "01_train" / "inputs.npy") == x.clip(0, 15)).all()
    assert s["arrays"]["lower_bound"] <= s["arrays"]["used"] <= s["arrays"]["budget"] == 6
    assert set(s["time_s"]) == {"train", "compile", "reference", "simulate"}


def test_the_report_tells_what_passes_removed_and_converters_cost(done: Path, tmp_path: Path) -> None:
    """The trained network as if it had one hidden unit more, between the others, that never changes.

    And as if with converters no image were right.
    """
    out = shutil.copytree(done / "out", tmp_path / "out")
    file = out / "01_train" / "network.safetensors"
    fc1, fc2 = ir.load(file).nodes
    assert isinstance(fc1, ir.Linear) and isinstance(fc2, ir.Linear)
    q = fc1.requant
    wider = replace(q, mult=np.insert(q.mult, 3, 1), bias=np.insert(q.bias, 3, 5))
    more = replace(fc1, weight=np.insert(fc1.weight, 3, 0, axis=1), requant=wider)
    ir.save(replace(ir.load(file), nodes=(more, replace(fc2, weight=np.insert(fc2.weight, 3, 1, axis=0)))), file)
    program = compile(ir.load(file), None, "tiny").save(tmp_path / "program")
    shutil.rmtree(out / "02_compile" / "program")
    program.rename(out / "02_compile" / "program")
    (out / "03_reference" / "reference.json").write_text('{"percent": 0.0, "images": 20}')
    context = Context(Flow.load(done / "toy.toml"), out, done, lambda *_: None, tuple(s.name for s in STAGES))
    found = collect(context, [s.name for s in STAGES[:-1]])
    assert found.removed == (Removed("fc1", (3,), 9, "constant"),)
    x, y = (np.load(out / "01_train" / f"{name}.npy") for name in ("inputs", "labels"))
    right = 100 * float((ir.load(file).run(x).argmax(axis=1) == y).mean())
    assert found.accuracy.network is not None and found.losses is not None
    assert found.accuracy.network.percent == found.losses.converters == right > 0
    assert "\nremoved: fc1: 1 of 9 units never changes (3)\n" in text(found)


def test_nothing_is_done_twice(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in (done / "out").glob("0*/**/*")}
    assert again(done) == 0
    assert "Verilog and reference agree" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in (done / "out").glob("0*/**/*")} == before


def test_the_stages_agree_with_one_another(done: Path) -> None:
    reference = np.load(done / "out" / "03_reference" / "outputs.npy")
    rtl = np.load(done / "out" / "04_simulate" / "outputs.npy")
    assert reference.shape == (20, 3)
    assert (rtl == reference[:4]).all()


def test_more_images_than_there_are(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(done / "more")
    argv = ["run", str(done / "toy.toml"), "--out", other, "--data", str(done), "--set", "simulate.images=21"]
    assert main(argv) == 1
    assert capsys.readouterr().err == ("error: simulate.images: the test set has 20 images, got 21; ask for fewer\n")


def test_the_reference_computes_as_many_images_as_asked(done: Path) -> None:
    bounded = done / "bounded"
    shutil.copytree(done / "out", bounded)
    argv = ["run", str(done / "toy.toml"), "--out", str(bounded), "--data", str(done)]
    assert main([*argv, "--set", "reference.images=10"]) == 0
    assert len(np.load(bounded / "03_reference" / "outputs.npy")) == 10
    found = load(bounded)
    accuracies = found.accuracy
    assert accuracies.network is not None and found.losses is not None
    assert (accuracies.network.images, accuracies.reference.images, accuracies.rtl.images) == (10, 10, 4)
    assert accuracies.quantized.images == 20
    assert found.losses.quantization is None  # not on the same images
    assert found.losses.converters == accuracies.network.percent - accuracies.reference.percent


def test_more_images_in_the_reference_than_there_are(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(done / "many")
    argv = ["run", str(done / "toy.toml"), "--out", other, "--data", str(done), "--set", "reference.images=21"]
    assert main(argv) == 1
    assert capsys.readouterr().err == "error: reference.images: the test set has 20 images, got 21; ask for fewer\n"


def test_commands_on_its_artefacts(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, program = done / "out" / "01_train", tmp_path / "program"
    network, inputs = str(train / "network.safetensors"), str(train / "inputs.npy")
    calibration = ["--calibration", str(train / "calibration.npy")]
    assert main(["compile", network, "--chip", "tiny", "--out", str(program), *calibration, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arrays"]["budget"] == 6
    mine, theirs = (json.loads((p / "program.json").read_text()) for p in (program, done / "out/02_compile/program"))
    assert mine == theirs
    assert main(["image", "verify", str(program)]) == 0
    assert main(["image", "info", str(program)]) == 0
    assert "network toy" in capsys.readouterr().out
    assert main(["image", "info", str(program), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((program / "image" / "manifest.json").read_text())
    options = ["--image", "2", "--out", str(tmp_path / "sim"), "--waves", "--json"]
    assert main(["simulate", str(program), "--inputs", inputs, *options]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1
    expected = np.load(done / "out" / "03_reference" / "outputs.npy")[2:3]
    assert (np.load(tmp_path / "sim" / "outputs.npy") == expected).all()
    assert os.path.getsize(tmp_path / "sim" / "chip.fst") > 0
    assert main(["simulate", str(program), "--inputs", inputs, "--image", "20"]) == 1
    assert capsys.readouterr().err == (
        f"error: --image 20: {inputs} has 20 images, counted from 0; choose a smaller one\n"
    )


def test_a_damaged_image_is_told(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "program"
    shutil.copytree(done / "out" / "02_compile" / "program", program)
    path = program / "image" / "image.bin"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert main(["image", "verify", str(program)]) == 1
    assert capsys.readouterr().err == (
        f"error: {path}: byte 40 is wrong (section 0, program, outputs); copy or compile it again\n"
    )
