"""A training that was stopped, killed or diverged goes on to the same weights; damaged checkpoints are refused."""

import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save

from codesign.chip.description import Chip
from codesign.data import digits
from codesign.errors import InputError, OutputError
from codesign.train.checkpoint import SCHEMA, described
from codesign.train.loop import fit
from codesign.train.recipe import Recipe
from codesign.train.trained import Epoch, Trained
from tests.damage import mutations
from tests.train.small import CHIP, DATA, SMALL, Stop, stop_after, weights

ODD: dict[str, dict[str, object]] = {  # every kind of state that training carries from epoch to epoch
    "lsq": {},
    "iscas2018": {"train.method": "iscas2018", "train.reject": True},
    "regularized": {"train.method": "regularized"},
    "noise, shifts": {
        "quantize.cells": {"variation": 0.2, "stuck_on": 0.01},
        "train.shift": 1,
        "train.flip": True,
        "quantize.scale": "column",
    },
    "converters": {"quantize.converters": True, "train.distill": 0.5},
    "batch norm": {
        "network.model": "cifar_lenet",
        "network.channels": (3,),
        "network.norm": True,
        "network.hidden": (),
    },
}


LAST = [*ODD][-1]


@cache
def undisturbed(name: str) -> tuple[Recipe, Trained]:
    """A recipe that carries this state, and its training from end to end."""
    recipe = SMALL.changed(ODD[name])
    return recipe, fit(recipe, DATA, CHIP)


@pytest.mark.parametrize(
    ("phase", "epoch", "name"),
    [  # some kinds of state are stopped earlier, too
        pytest.param(phase, epoch, name, marks=pytest.mark.slow if epoch < 3 and name not in ("lsq", LAST) else ())
        for phase, epoch in (("baseline", 2), ("quantized", 1), ("quantized", 3))
        for name in ODD
    ],
)
def test_stopped_training_ends_at_the_same_weights(name: str, phase: str, epoch: int, tmp_path: Path) -> None:
    recipe, whole = undisturbed(name)
    with pytest.raises(Stop):
        fit(recipe, DATA, CHIP, tmp_path, stop_after(phase, epoch))
    seen: list[Epoch] = []
    resumed = fit(recipe, DATA, CHIP, tmp_path, seen.append)
    assert seen[0].epoch == epoch + 1  # it went on, not over
    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history
    again = fit(recipe, DATA, CHIP, tmp_path, lambda e: pytest.fail("nothing is left to train"))
    assert weights(again) == weights(whole)


VICTIM = """
import sys, time
from pathlib import Path
from codesign.chip.description import Chip
from codesign.data import digits
from codesign.train import Recipe, fit, phase

def rate(recipe, step, total, warm):
    if step == int(sys.argv[3]):
        print("there", flush=True)
        time.sleep(600)
    return before(recipe, step, total, warm)

before, phase.rate = phase.rate, rate
fit(Recipe.model_validate_json(sys.argv[1]), digits(), Chip.load("reference-128"), Path(sys.argv[2]))
"""


@pytest.mark.slow  # a process of its own; what the kill leaves is what Stop leaves in the tests above
def test_kill_9_in_mid_epoch_resumes_to_the_same_weights(tmp_path: Path) -> None:
    recipe = SMALL.changed({"train.baseline": False})  # 4 epochs of 15 steps
    step = 2 * 15 + 7
    command = [sys.executable, "-c", VICTIM, recipe.model_dump_json(), str(tmp_path), str(step)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None and victim.stdout.readline() == "there\n"
        victim.send_signal(signal.SIGKILL)
    assert victim.returncode == -signal.SIGKILL
    with safe_open(tmp_path / "quantized.safetensors", framework="pt") as f:
        assert json.loads(f.metadata()["codesign"])["epoch"] == 2
    seen: list[Epoch] = []
    resumed = fit(recipe, DATA, CHIP, tmp_path, seen.append)
    assert [e.epoch for e in seen] == [3, 4]
    assert weights(resumed) == weights(fit(recipe, DATA, CHIP))


def test_a_kill_while_writing_leaves_the_former_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(SMALL, DATA, CHIP)
    with pytest.raises(Stop):
        fit(SMALL, DATA, CHIP, tmp_path, stop_after("quantized", 1))

    def killed(source: Path, target: Path) -> None:
        raise Stop

    before = (tmp_path / "quantized.safetensors").read_bytes()
    with monkeypatch.context() as m, pytest.raises(Stop):
        m.setattr(Path, "replace", killed)
        fit(SMALL, DATA, CHIP, tmp_path)
    assert (tmp_path / "quantized.safetensors").read_bytes() == before
    (tmp_path / ".quantized.safetensors.1.tmp").write_text("half")  # what a killed process leaves
    (tmp_path / ".quantized.safetensors.mine.tmp").write_text("no process's")
    assert weights(fit(SMALL, DATA, CHIP, tmp_path)) == weights(whole)
    assert [p.name for p in tmp_path.glob(".*.tmp")] == [".quantized.safetensors.mine.tmp"]


def test_checkpoints_of_other_runs_are_refused(tmp_path: Path) -> None:
    recipe = SMALL.changed({"train.baseline": False, "train.epochs": 1})
    fit(recipe, DATA, CHIP, tmp_path)
    with pytest.raises(
        InputError, match=r"quantized\.safetensors: checkpoint of another run \(train\.lr was 0\.01, now 0\.02\); give"
    ):
        fit(recipe.changed({"train.lr": 0.02}), DATA, CHIP, tmp_path)
    with pytest.raises(InputError, match=r"another run \(device\.codes was \[0, 1\], now \[0, 1, 2, 3\]\)"):
        fit(recipe, DATA, Chip.load("tiny"), tmp_path)
    with pytest.raises(InputError, match=r"another run \(images was 0x\w+, .*, now 0x\w+, "):
        fit(recipe, digits(seed=1), CHIP, tmp_path)
    renamed = CHIP.model_copy(update={"name": "other"})
    assert fit(recipe, DATA, renamed, tmp_path).history  # same cells: the same training


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    recipe = SMALL.changed({"train.baseline": False, "train.epochs": 1})
    fit(recipe, DATA, CHIP, tmp_path)
    file = tmp_path / "quantized.safetensors"
    good = file.read_bytes()
    for bad in (good[:-10], good[:40], b"", good.replace(SCHEMA.encode(), b"codesign-checkpoint/9")):
        assert bad != good
        file.write_bytes(bad)
        with pytest.raises(InputError, match=r"quantized\.safetensors: .*delete .* to start over"):
            fit(recipe, DATA, CHIP, tmp_path)


def test_a_checkpoint_of_another_schema_says_so(tmp_path: Path) -> None:
    """Its parameters have other names, which is no damage."""
    recipe, file = SMALL.changed({"train.baseline": False, "train.epochs": 1}), tmp_path / "quantized.safetensors"
    fit(recipe, DATA, CHIP, tmp_path)
    with safe_open(file, framework="pt") as f:
        note = json.loads(f.metadata()["codesign"])
    old = {k: note[k] for k in note if k not in ("sha256", "tensors")} | {"schema": "codesign-checkpoint/2"}
    tensors = load_file(file)
    file.write_bytes(save(tensors, described(old, tensors)))
    with pytest.raises(InputError) as told:
        fit(recipe, DATA, CHIP, tmp_path)
    assert str(told.value) == (
        f"{file}: schema must be codesign-checkpoint/3, got 'codesign-checkpoint/2'; delete the file to start over"
    )


def test_changed_checkpoints_are_refused_or_the_same(tmp_path: Path) -> None:
    """Whatever byte is hit: no other weights, no other history, no traceback."""
    recipe = SMALL.changed({"train.baseline": False, "train.epochs": 1})
    before = fit(recipe, DATA, CHIP, tmp_path)
    file = tmp_path / "quantized.safetensors"
    good, same, refused = file.read_bytes(), 0, 0
    for bad in mutations(good, 150):
        file.write_bytes(bad)
        try:
            after = fit(recipe, DATA, CHIP, tmp_path)
        except InputError as e:
            shown = str(e)
            refused += shown.startswith(f"{file}: ") and shown.endswith(" to start over") and "\n" not in shown
        else:
            same += weights(after) == weights(before) and after.history == before.history
    assert same + refused == 150 and refused > 100


def test_a_checkpoint_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "quantized.safetensors")
    with pytest.raises(InputError, match=r"\(.*not a regular file.*\); delete it to start over"):
        fit(SMALL.changed({"train.baseline": False}), DATA, CHIP, tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"checkpoint cannot be written .*give another folder"):
        fit(SMALL, DATA, CHIP, tmp_path / "file")


def test_divergence_names_epoch_and_layer_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    recipe = SMALL.changed({"train.baseline": False})
    with pytest.raises(Stop):
        fit(recipe, DATA, CHIP, tmp_path, stop_after("quantized", 2))
    before = (tmp_path / "quantized.safetensors").read_bytes()
    poison(tmp_path / "quantized.safetensors", "model.layers.fc2.weight")
    poisoned = (tmp_path / "quantized.safetensors").read_bytes()
    with pytest.raises(
        InputError,
        match=r"training: epoch 3: loss is nan, weights of layer fc2 are NaN or infinite; "
        r"lower lr \(now 0\.01\); quantized\.safetensors keeps epoch 2",
    ):
        fit(recipe, DATA, CHIP, tmp_path)
    assert (tmp_path / "quantized.safetensors").read_bytes() == poisoned != before


def poison(file: Path, tensor: str) -> None:
    with safe_open(file, framework="pt") as f:
        note = json.loads(f.metadata()["codesign"])
    tensors = load_file(file)
    tensors[tensor].view(-1)[0] = float("nan")
    file.write_bytes(save(tensors, described({k: note[k] for k in note if k not in ("sha256", "tensors")}, tensors)))


def test_weights_lost_in_the_last_step_of_an_epoch_are_not_kept(tmp_path: Path) -> None:
    recipe = SMALL.changed({"train.baseline": False, "train.batch": 2000})  # one step an epoch
    with pytest.raises(Stop):
        fit(recipe, DATA, CHIP, tmp_path, stop_after("quantized", 1))
    poison(tmp_path / "quantized.safetensors", "optimiser.layers.fc1.weight.exp_avg")
    with pytest.raises(
        InputError, match=r"training: epoch 2: loss is \d.*, weights of layer fc1 are NaN or infinite; lower"
    ):
        fit(recipe, DATA, CHIP, tmp_path)
