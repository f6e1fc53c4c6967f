"""The walk of docs/bringup.md, from a chip file and a module to PASS, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from tests.docs.documents import ROOT
from tests.tools import needs

PAGE = (ROOT / "docs" / "bringup.md").read_text()


def fences(kind: str) -> list[str]:
    """Lines of the page's blocks of a kind."""
    return [line for block in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]


def run(folder: Path, *words: str) -> str:
    """What a command says, which must succeed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("COCOTB")}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_page_says_what_is_run_here() -> None:
    assert [line.split("  ")[0].split(" #")[0] for line in fences("sh")] == [
        "codesign chip check mychip.toml",
        "codesign compile model.onnx --chip mychip.toml --calibration x.npy --out PROGRAM",
        "codesign vectors PROGRAM --images 4 --each-layer --out PACK",
        "codesign compile NETWORK --chip mychip.toml --out PART --until conv2",
    ]
    assert [line.split("  ")[0] for line in fences("text")] == [
        "make -C PACK/tb",
        "make -C PACK/tb player",
        "python PACK/bisect.py",
        "python PACK/bisect.py ./on_my_board {}",
    ]


@pytest.mark.slow
@needs("iverilog")
@needs("make")
@needs("cc")
@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
def test_the_walk(tmp_path: Path) -> None:
    """A small convolutional module on a chip of `chip new`: compiled, its pack passes, a part of it is compiled."""
    cli = [sys.executable, "-m", "codesign"]
    run(tmp_path, *cli, "chip", "new", "mychip.toml")
    run(tmp_path, *cli, "chip", "check", "mychip.toml")
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 2)
    model = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))
    x = np.random.default_rng(0).random((40, 1, 8, 8))
    program = codesign.compile(model, x, tmp_path / "mychip.toml")
    program.network.save(tmp_path / "NETWORK.safetensors")
    program.save(tmp_path / "PROGRAM")
    said = run(tmp_path, *cli, "vectors", "PROGRAM", "--images", "4", "--each-layer", "--out", "PACK")
    assert said == "PACK: 4 images with 20 words; `make -C PACK/tb` tries them in simulation\n"
    assert "TESTS=4 PASS=4 FAIL=0 SKIP=0" in run(tmp_path, "make", "-C", "PACK/tb")
    assert re.search(r"^PASS \d+ operations$", run(tmp_path, "make", "-C", "PACK/tb", "player"), re.M)
    assert run(tmp_path, sys.executable, "PACK/bisect.py") == "PASS: the whole program agrees\n"
    layer, pool = program.mapping.layers[0].name, program.mapping.layers[0].size.gives
    out = ("--chip", "mychip.toml", "--out", "PART", "--until", layer)
    said = run(tmp_path, *cli, "compile", "NETWORK.safetensors", *out)
    told = f"ends with the raw accumulators of layer {layer}; {pool}, computed together with it, is left out"
    assert said.splitlines()[-1] == told and pool != layer
    run(tmp_path, *cli, "image", "verify", "PART")
