"""Training: determinism, resuming, divergence, both methods, digits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from codesign.chip.description import Activation, Chip
from codesign.data import digits, to_inputs
from codesign.errors import ConfigError, InputError, OutputError, ToolError
from codesign.ir import run
from codesign.train import loop
from codesign.train.checkpoint import described
from codesign.train.export import export
from codesign.train.loop import Epoch, Trained, fit, rate
from codesign.train.nets.quantized import QuantNet
from codesign.train.recipe import Net, Recipe, Training
from tests.damage import mutations

CHIP = Chip.load("reference-128")
DATA = digits()
HIDDEN = Net(hidden=(12,))
SMALL = Recipe(network=HIDDEN, train=Training(epochs=4, batch=100, lr=1e-2, seed=3))
PAPER = Recipe(network=HIDDEN, train=Training(epochs=4, method="iscas2018", reject=True, lr=1e-2, seed=3))


class Stop(Exception):
    """Raised by a callback to end training early, as a kill would."""


def weights(trained: Trained) -> bytes:
    models = [trained.model, *([trained.float_model] if trained.float_model is not None else [])]
    return b"".join(save(dict(m.state_dict())) for m in models)


def stop_after(phase: str, epoch: int) -> Callable[[Epoch], None]:
    def progress(e: Epoch) -> None:
        if (e.phase, e.epoch) == (phase, epoch):
            raise Stop

    return progress


@pytest.mark.parametrize("recipe", [SMALL, PAPER], ids=["lsq", "iscas2018"])
def test_same_seed_same_bytes_whatever_the_global_state(recipe: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(1)
    a = fit(recipe, DATA, CHIP, tmp_path / "a")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    b = fit(recipe, DATA, CHIP, tmp_path / "b")
    assert torch.equal(torch.get_rng_state(), before)
    assert weights(a) == weights(b)
    assert a.history == b.history
    for name in ("float", "quantized"):
        assert (tmp_path / "a" / f"{name}.safetensors").read_bytes() == (
            tmp_path / "b" / f"{name}.safetensors"
        ).read_bytes()
    assert weights(fit(recipe.changed({"train.seed": 4}), DATA, CHIP)) != weights(a)


ODD = {  # every kind of state that training carries from epoch to epoch
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


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(("phase", "epoch"), [("float", 2), ("quantized", 1), ("quantized", 3)])
def test_stopped_training_ends_at_the_same_weights(name: str, phase: str, epoch: int, tmp_path: Path) -> None:
    recipe = SMALL.changed(ODD[name])
    whole = fit(recipe, DATA, CHIP)
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
import sys
from pathlib import Path
from codesign.chip.description import Chip
from codesign.train import Recipe, fit
from codesign.data import digits
recipe = Recipe.model_validate_json(sys.argv[1])
fit(recipe, digits(), Chip.load("reference-128"), Path(sys.argv[2]))
"""


def test_kill_9_in_mid_epoch_resumes_to_the_same_weights(tmp_path: Path) -> None:
    slow = Training(epochs=20, batch=8, seed=1, baseline=False)  # ~0.1 s an epoch
    recipe = Recipe(network=Net(hidden=(16,)), train=slow)
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, recipe.model_dump_json(), str(tmp_path)])
    file = tmp_path / "quantized.safetensors"
    deadline = time.monotonic() + 60
    while not file.exists() and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.03)  # into the next epoch
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    with safe_open(file, framework="pt") as f:
        done = json.loads(f.metadata()["codesign"])["epoch"]
    assert 1 <= done < recipe.train.epochs
    seen: list[Epoch] = []
    resumed = fit(recipe, DATA, CHIP, tmp_path, seen.append)
    assert [e.epoch for e in seen] == list(range(done + 1, recipe.train.epochs + 1))
    assert weights(resumed) == weights(fit(recipe, DATA, CHIP))


def test_a_kill_while_writing_leaves_the_former_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(SMALL, DATA, CHIP)
    with pytest.raises(Stop):
        fit(SMALL, DATA, CHIP, tmp_path, stop_after("quantized", 1))

    def killed(source: Path, target: Path) -> None:
        raise Stop

    with monkeypatch.context() as m, pytest.raises(Stop):
        m.setattr(os, "replace", killed)
        fit(SMALL, DATA, CHIP, tmp_path)
    (left,) = tmp_path.glob("*.tmp")
    left.rename(tmp_path / "quantized.safetensors.1.tmp")  # of another process
    assert weights(fit(SMALL, DATA, CHIP, tmp_path)) == weights(whole)
    assert list(tmp_path.glob("*.tmp")) == []


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
    for bad in (good[:-10], good[:40], b"", good.replace(b"codesign-checkpoint/2", b"codesign-checkpoint/9")):
        file.write_bytes(bad)
        with pytest.raises(InputError, match=r"quantized\.safetensors: .*delete .* to start over"):
            fit(recipe, DATA, CHIP, tmp_path)


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


def test_the_schedule_runs_over_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    def record(train: Training, step: int, total: int, warm: int) -> float:
        seen.append((step, total, warm))
        return 1.0

    monkeypatch.setattr(loop, "rate", record)
    fit(SMALL.changed({"train.baseline": False}), DATA, CHIP)
    assert sorted(set(seen)) == [(k, 60, 7) for k in range(60)]  # 4 epochs of 15 steps


def test_a_real_divergence_stops() -> None:
    with pytest.raises(InputError, match=r"training: epoch \d+: loss is (nan|inf).*; lower lr \(now 1e\+30\)"):
        fit(SMALL.changed({"train.lr": 1e30, "train.baseline": False}), DATA, CHIP)


def test_bits_beyond_the_chip_are_refused() -> None:
    narrow = CHIP.model_copy(update={"activation": Activation(bits=4)})
    with pytest.raises(
        ConfigError,
        match=r"recipe: quantize\.input_bits must be at most 4 \(activation\.bits of chip reference-128\), got 8",
    ):
        fit(SMALL, DATA, narrow)


def test_rate_warms_up_then_falls_to_zero_or_stays() -> None:
    rates = [rate(SMALL.train, k, 100, 5) for k in range(100)]
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[4] and rates[-1] < 1e-3
    assert {rate(PAPER.train, k, 100, 5) for k in range(100)} == {1.0}


def test_held_out_images_are_tested_on_and_not_trained_on() -> None:
    recipe = SMALL.changed({"data.validation": 100, "train.epochs": 1})
    data = recipe.data.load()
    assert (len(data.x_train), len(data.x_test)) == (1437 - 100, 100)
    assert (data.x_test == DATA.x_train[-100:]).all()
    assert fit(recipe, data, CHIP).images == 100


def test_a_missing_gpu_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ToolError, match=r'^machine\.device: "cuda" was asked for, torch finds no GPU here; use'):
        fit(SMALL.changed({"machine.device": "cuda"}), DATA, CHIP)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"network.model": "lenet"},
            "recipe: network.model = 'lenet' needs images, data set rows has rows of 64 numbers; give arrays",
        ),
        (
            {"train.shift": 1},
            "recipe: train.shift needs images, data set rows has rows of 64 numbers; give arrays of shape",
        ),
        ({"train.flip": True}, "recipe: train.flip needs images, data set rows has rows of 64 numbers"),
    ],
)
def test_rows_without_image_form_are_refused_where_images_are_needed(fields: dict[str, object], message: str) -> None:
    rows = replace(DATA, name="rows", shape=())
    with pytest.raises(ConfigError) as caught:
        fit(Recipe().changed(fields), rows, CHIP)
    assert str(caught.value).startswith(message)


def test_the_baseline_is_measured_and_optional() -> None:
    recipe = SMALL.changed({"train.epochs": 10, "train.baseline_lr": 1e-2})
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_float is not None and trained.accuracy_float > 85
    assert [e.phase for e in trained.history] == ["float"] * 10 + ["quantized"] * 10
    alone = fit(recipe.changed({"train.baseline": False}), DATA, CHIP)
    assert alone.float_model is None and alone.accuracy_float is None
    assert weights(alone) == weights(replace(trained, float_model=None))  # the baseline changes nothing
    assert isinstance(alone.model, QuantNet)


def test_no_hidden_layer_is_a_network_too() -> None:
    trained = fit(SMALL.changed({"network.hidden": ()}), DATA, CHIP)
    x = to_inputs(DATA.x_test, SMALL.quantize.input)
    assert (run(export(trained.model, "one"), x) == trained.model(torch.from_numpy(x)).numpy()).all()
