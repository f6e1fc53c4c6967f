"""Two commands at one --out: the second is told at once, whatever it is, and nothing of the first is touched."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from codesign import ir
from codesign.chip.description import Chip
from codesign.errors import OutputError
from codesign.fixed import Trim
from codesign.program import Program
from codesign.sim import simulate
from tests.cli.calls import Call
from tests.hdl.programs import program
from tests.holder import Hold
from tests.search.toy import toy as question
from tests.study.toy import toy as study

RUN = [sys.executable, "-m", "codesign", "run", "digits_mlp", "--until", "train", "--set", "network.hidden=[8]"]


def small() -> Program:
    return program([20, 11, 4], Chip.load("tiny"), {"fc1": Trim(1, 2), "fc2": Trim(3, 4)})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What commands are given: net.safetensors, x.npy, program, toy.toml of a study and of a question."""
    made = small()
    ir.save(made.network, tmp_path / "net.safetensors")
    made.save(tmp_path / "program")
    np.save(tmp_path / "x.npy", np.zeros((2, 20), np.uint8))
    for folder, make in (("study", study), ("search", question)):
        (tmp_path / folder).mkdir()
        make(tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("how", "argv"),
    [
        ("claimed", "run digits_mlp"),
        ("claimed", "simulate program --inputs x.npy"),
        ("claimed", "study study/toy.toml"),
        ("claimed", "optimize search/toy.toml"),
        ("claimed", "optimize search/toy.toml --screen"),
        ("claimed", "optimize search/toy.toml --reach 50"),
        ("claimed", "optimize search/toy.toml --front arrays"),
        ("staged", "compile net.safetensors --chip tiny"),
        ("staged", "chip emit tiny"),
    ],
)
def test_every_command_that_writes_a_folder_is_refused(
    how: str, argv: str, files: Path, call: Call, holder: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    holder(how, files / "out")
    if how == "claimed":  # whatever the holder's kind, the marker is its own
        kind = {"run": "run", "simulate": "simulation", "study": "study", "optimize": "search"}[argv.split()[0]]
        (files / "out" / ".codesign.json").write_text(json.dumps({"kind": kind, "schema": 1}))
    before = sorted(files.rglob("*"))
    assert call(*argv.split(), "--out", "out") == (
        1,
        "",
        f"error: {files / 'out' if how == 'staged' else 'out'}: another command is writing there; "
        "wait, or choose another folder\n",
    )
    assert sorted(files.rglob("*")) == before


def test_simulations_from_python_too(tmp_path: Path, holder: Hold) -> None:
    (tmp_path / "out").mkdir()
    holder("alone", tmp_path / "out")
    with pytest.raises(OutputError) as caught:
        simulate(small(), np.zeros((1, 20), np.uint8), folder=tmp_path / "out")
    assert str(caught.value) == f"{tmp_path}/out: another command is writing there; wait, or choose another folder"


@pytest.mark.slow
def test_two_runs_at_once_then_a_kill(tmp_path: Path) -> None:
    """The second run is refused; once the first is killed it goes on, and shows its own seed's figures."""
    out = ["--out", str(tmp_path / "out")]
    first = subprocess.Popen([*RUN, *out, "--set", "train.epochs=10000"])
    try:
        deadline = time.monotonic() + 300  # a busy machine starts slowly
        while not (tmp_path / "out" / "01_train" / "baseline.safetensors").exists():
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        mine = [*RUN, "--set", "train.epochs=1", "--set", "train.seed=5"]
        second = subprocess.run([*mine, *out], capture_output=True, text=True)
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    assert (second.returncode, second.stdout, second.stderr) == (
        1,
        "",
        f"error: {tmp_path}/out: another command is writing there; wait, or choose another folder\n",
    )
    found = []
    for folder in ("out", "fresh"):
        subprocess.run([*mine, "--out", str(tmp_path / folder)], check=True, capture_output=True)
        found.append((tmp_path / folder / "01_train" / "train.json").read_text())
    assert found[0] == found[1]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".codesign.json", "01_train", "flow.toml"]
