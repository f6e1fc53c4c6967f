"""codesign vectors and compile --until, as a user types them."""

import json
from pathlib import Path

import numpy as np
import pytest

from codesign import vectors
from codesign.chip.description import Chip
from codesign.program import Program
from tests.cli.calls import Call
from tests.vectors.packs import PROGRAMS


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("vectors")
    for name, made in PROGRAMS.items():
        program = made()
        program.save(home / name)
        program.network.save(home / f"{name}.safetensors")
    np.save(home / "x.npy", vectors.sample_inputs(program.network, 6, seed=9))
    return home


def test_inputs_made_up_and_given(home: Path, call: Call, tmp_path: Path) -> None:
    program = Program.load(home / "picture")
    out = tmp_path / "pack"
    status, said, err = call("vectors", home / "picture", "--out", out)
    assert (status, err) == (0, "")
    assert said == f"{out}: 4 images with 12 words; `make -C {out}/tb` tries them in simulation\n"
    want = vectors.render(program, vectors.sample_inputs(program.network, 4))
    assert {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()} == want | {
        ".codesign.json": (out / ".codesign.json").read_bytes()
    }
    words = ("vectors", home / "picture", "--out", out, "--inputs", home / "x.npy", "--images", "2", "--json")
    status, said, err = call(*words)
    assert (status, err) == (0, "")
    assert json.loads(said) == {"images": 2, "words": 6, "vectors": str(out)}
    assert (out / "words.csv").read_bytes() == vectors.render(program, np.load(home / "x.npy")[:2])["words.csv"]
    assert not (out / "find_layer.py").exists()
    real = tmp_path / "real.npy"
    np.save(real, np.load(home / "x.npy")[:2].astype(float))
    status, _, err = call("vectors", home / "picture", "--out", out, "--inputs", real, "--real", "--each-layer")
    assert (status, err) == (0, "") and (out / "find_layer.py").exists()
    assert sorted(p.name for p in (out / "layers").iterdir()) == ["01_conv1", "02_conv2", "last.txt"]


def test_its_inputs_are_inputs_for_other_commands(home: Path, call: Call, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert call("vectors", home / "picture", "--out", first, "--inputs", home / "x.npy")[0] == 0
    status, _, err = call("vectors", home / "picture", "--out", again, "--inputs", first / "inputs.csv")
    assert (status, err) == (0, "")
    assert (again / "words.csv").read_bytes() == (first / "words.csv").read_bytes()
    assert len((first / "words.csv").read_text().splitlines()) == 7


def test_mistakes(home: Path, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    status, _, err = call("vectors", home / "picture", "--out", out, "--real")
    assert status == 2 and "needs --inputs, the real numbers" in err
    np.save(tmp_path / "x.npy", np.zeros((2, 5), np.int64))
    status, _, err = call("vectors", home / "picture", "--out", out, "--inputs", tmp_path / "x.npy")
    assert status == 1 and err.startswith("error: ") and err.count("\n") == 1 and "84" in err
    np.save(tmp_path / "x.npy", np.zeros((0, 84), np.int64))
    status, _, err = call("vectors", home / "picture", "--out", out, "--inputs", tmp_path / "x.npy")
    assert (status, err) == (1, "error: vectors: no images were given; pass at least one\n")
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    status, _, err = call("vectors", home / "picture", "--out", out)
    assert status == 1 and "holds files codesign did not write (mine.txt)" in err
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


def test_until(home: Path, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "part"
    words = ("compile", home / "picture.safetensors", "--chip", "tiny", "--out", out, "--until")
    status, said, err = call(*words, "conv1")
    assert (status, err) == (0, "")
    told = "ends with the raw accumulators of layer conv1; pool1, computed together with it, is left out"
    assert said.splitlines()[1] == told
    part = Program.load(out)
    assert [s.layer for s in part.mapping.steps] == ["conv1"] and part.mapping.steps[-1].raw
    status, said, _ = call(*words, "conv2", "--json")
    assert json.loads(said)["until"] == {"layer": "conv2", "left_out": []}
    assert Program.load(out).chip == Chip.load("tiny")
    status, _, err = call(*words, "conv7")
    assert (status, err) == (1, "error: until: there is no layer conv7; end with one of conv1, conv2, fc\n")
    assert [s.layer for s in Program.load(out).mapping.steps] == ["conv1", "conv2"]
