"""Data parallel training: torchrun's processes end in one network, and the first one alone writes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codesign import ir

FLOW = ("run", "digits_mlp", "--until", "train", "--set", "train.epochs=3", "--set", "network.hidden=[16]")


def torchrun(out: Path) -> str:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "codesign", *FLOW]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Sums of gradients round differently, so weights agree nearly; a second run finds everything done."""
    assert torchrun(tmp_path / "two").count("ran train") == 1
    subprocess.run([sys.executable, "-m", "codesign", *FLOW, "--out", str(tmp_path / "one")], check=True, timeout=300)
    one, two = (ir.load(tmp_path / n / "01_train" / "network.safetensors") for n in ("one", "two"))
    for a, b in zip(one.nodes, two.nodes, strict=True):
        assert isinstance(a, ir.Linear) and isinstance(b, ir.Linear)
        assert (a.weight == b.weight).mean() > 0.97
    found = [json.loads((tmp_path / n / "01_train" / "train.json").read_text()) for n in ("one", "two")]
    assert np.abs(found[0]["quantized"] - found[1]["quantized"]) < 3
    assert "nothing to run" in torchrun(tmp_path / "two")
