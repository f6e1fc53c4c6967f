"""The walk of docs/bringup.md, from a chip file and a module to PASS: in an empty folder, with the wheel alone."""

import json
import re
from pathlib import Path

import pytest

from tests.packaging import installed
from tests.packaging.installed import ROOT, run
from tests.tools import needs

pytestmark = [pytest.mark.slow, needs("iverilog"), needs("make"), needs("cc")]

MODULE = """\
import warnings

import numpy as np
import torch
from torch import nn

import codesign

warnings.simplefilter("ignore", codesign.errors.CodesignWarning)  # the module is not trained
torch.manual_seed(0)
first, second = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 2)
model = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))
x = np.random.default_rng(0).random((40, 1, 8, 8))
program = codesign.compile(model, x, "mychip.toml")
program.save("PROGRAM")
program.network.save("NETWORK.safetensors")
print(codesign.__file__, program.mapping.layers[0].name, program.mapping.layers[0].size.gives)
"""
BENCHES = "stream_of_images", "bus_transcript", "known_answer", "c_transcript"


def test_the_walk(wheel: Path, tmp_path: Path) -> None:
    """A small convolutional module on a chip of `chip new`: compiled, its pack passes, a part of it is compiled."""
    home, folder, log = tmp_path / "venv", tmp_path / "empty", tmp_path / "started"
    installed.install(wheel, home)
    installed.watch(home, log)
    folder.mkdir()

    def type_(line: str) -> str:
        return run(home, *line.split(), cwd=folder)

    type_("codesign chip new mychip.toml")
    type_("codesign chip check mychip.toml")
    (folder / "module.py").write_text(MODULE)
    where, layer, pool = type_("python module.py").split()
    assert Path(where).is_relative_to(home)
    said = type_("codesign vectors PROGRAM --images 4 --each-layer --out PACK")
    assert said == "PACK: 4 images with 20 words; `make -C PACK/tb` tries them in simulation\n"
    before = len(log.read_text().splitlines())
    said = type_("make -C PACK/tb")
    assert len(log.read_text().splitlines()) > before  # Python in the simulator, too, is the environment's
    assert "TESTS=4 PASS=4 FAIL=0 SKIP=0" in said
    assert re.findall(r"test_pack\.(\w+) +PASS ", said) == [*BENCHES]
    assert re.search(r"\bPASS 4 images, 20 words$", said, re.M)  # the C program
    assert len(re.findall(r"\bPASS \d+ operations$", said, re.M)) == 1  # the C player of transcripts
    assert re.search(r"^PASS \d+ operations$", type_("make -C PACK/tb player"), re.M)
    assert type_("python PACK/find_layer.py") == "PASS: the whole program agrees\n"
    said = type_(f"codesign compile NETWORK.safetensors --chip mychip.toml --out PART --until {layer}")
    told = f"ends with the raw accumulators of layer {layer}; {pool}, computed together with it, is left out"
    assert said.splitlines()[-1] == told and pool != layer
    type_("codesign image verify PART")
    started = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(started) > 8
    for prefix, origin, pythonpath in started:
        assert Path(prefix) == home and Path(origin).is_relative_to(home)
        assert pythonpath in (None, str(folder / "PACK" / "tb"))  # the bench itself
    assert str(folder / "PACK" / "tb") in {s[2] for s in started}
    assert not any(str(ROOT) in p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file())
