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

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from codesign.chip.description import Activation, Chip
from codesign.data import Dataset, Range, digits, mnist, to_inputs
from codesign.data.files import places
from codesign.errors import ConfigError, InputError, OutputError, ToolError
from codesign.ir import run
from codesign.train import loop
from codesign.train.checkpoint import described
from codesign.train.export import export
from codesign.train.loop import Epoch, Trained, accuracy, fit, rate
from codesign.train.nets.quantized import QuantNet
from codesign.train.recipe import Recipe
from tests.damage import mutations

CHIP = Chip.load("reference-128")
DATA = digits()
SMALL = Recipe(hidden=(12,), epochs=4, batch=100, lr=1e-2, seed=3)
PAPER = Recipe(hidden=(12,), epochs=4, method="iscas2018", reject=True, grid_max=0.3, lr=1e-2, seed=3)


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
    assert weights(fit(recipe.model_copy(update={"seed": 4}), DATA, CHIP)) != weights(a)


ODD: dict[str, dict[str, object]] = {  # every kind of state that training carries from epoch to epoch
    "lsq": {},
    "iscas2018": {"method": "iscas2018", "reject": True},
    "regularized": {"method": "regularized"},
    "noise, shifts": {"cells": {"variation": 0.2, "stuck_on": 0.01}, "shift": 1, "flip": True, "scale": "column"},
    "converters": {"converters": True, "distill": 0.5},
    "batch norm": {"model": "cifar_lenet", "channels": (3,), "norm": True, "hidden": ()},
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(("phase", "epoch"), [("float", 2), ("quantized", 1), ("quantized", 3)])
def test_stopped_training_ends_at_the_same_weights(name: str, phase: str, epoch: int, tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"hidden": (12,), "epochs": 4, "batch": 100, "lr": 1e-2, "seed": 3} | ODD[name])
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
    recipe = Recipe(hidden=(16,), epochs=20, batch=8, seed=1, float_baseline=False)  # ~0.1 s an epoch
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
    assert 1 <= done < recipe.epochs
    seen: list[Epoch] = []
    resumed = fit(recipe, DATA, CHIP, tmp_path, seen.append)
    assert [e.epoch for e in seen] == list(range(done + 1, recipe.epochs + 1))
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
    recipe = SMALL.model_copy(update={"float_baseline": False, "epochs": 1})
    fit(recipe, DATA, CHIP, tmp_path)
    with pytest.raises(
        InputError, match=r"quantized\.safetensors: checkpoint of another run \(recipe\.lr was 0\.01, now 0\.02\); give"
    ):
        fit(recipe.model_copy(update={"lr": 0.02}), DATA, CHIP, tmp_path)
    with pytest.raises(InputError, match=r"another run \(device\.codes was \[0, 1\], now \[0, 1, 2, 3\]\)"):
        fit(recipe, DATA, Chip.load("tiny"), tmp_path)
    with pytest.raises(InputError, match=r"another run \(data was 0x\w+, .*, now 0x\w+, "):
        fit(recipe, digits(seed=1), CHIP, tmp_path)
    renamed = CHIP.model_copy(update={"name": "other"})
    assert fit(recipe, DATA, renamed, tmp_path).history  # same cells: the same training


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    recipe = SMALL.model_copy(update={"float_baseline": False, "epochs": 1})
    fit(recipe, DATA, CHIP, tmp_path)
    file = tmp_path / "quantized.safetensors"
    good = file.read_bytes()
    for bad in (good[:-10], good[:40], b"", good.replace(b"codesign-checkpoint/2", b"codesign-checkpoint/9")):
        file.write_bytes(bad)
        with pytest.raises(InputError, match=r"quantized\.safetensors: .*delete .* to start over"):
            fit(recipe, DATA, CHIP, tmp_path)


def test_changed_checkpoints_are_refused_or_the_same(tmp_path: Path) -> None:
    """Whatever byte is hit: no other weights, no other history, no traceback."""
    recipe = SMALL.model_copy(update={"float_baseline": False, "epochs": 1})
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
        fit(SMALL.model_copy(update={"float_baseline": False}), DATA, CHIP, tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"checkpoint cannot be written .*give another folder"):
        fit(SMALL, DATA, CHIP, tmp_path / "file")


def test_divergence_names_epoch_and_layer_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    recipe = SMALL.model_copy(update={"float_baseline": False})
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
    recipe = SMALL.model_copy(update={"float_baseline": False, "batch": 2000})  # one step an epoch
    with pytest.raises(Stop):
        fit(recipe, DATA, CHIP, tmp_path, stop_after("quantized", 1))
    poison(tmp_path / "quantized.safetensors", "optimiser.layers.fc1.weight.exp_avg")
    with pytest.raises(
        InputError, match=r"training: epoch 2: loss is \d.*, weights of layer fc1 are NaN or infinite; lower"
    ):
        fit(recipe, DATA, CHIP, tmp_path)


def test_the_schedule_runs_over_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    def record(recipe: Recipe, step: int, total: int, warm: int) -> float:
        seen.append((step, total, warm))
        return 1.0

    monkeypatch.setattr(loop, "rate", record)
    fit(SMALL.model_copy(update={"float_baseline": False}), DATA, CHIP)
    assert sorted(set(seen)) == [(k, 60, 7) for k in range(60)]  # 4 epochs of 15 steps


def test_a_real_divergence_stops() -> None:
    with pytest.raises(InputError, match=r"training: epoch \d+: loss is (nan|inf).*; lower lr \(now 1e\+30\)"):
        fit(SMALL.model_copy(update={"lr": 1e30, "float_baseline": False}), DATA, CHIP)


def test_bits_beyond_the_chip_are_refused() -> None:
    narrow = CHIP.model_copy(update={"activation": Activation(bits=4)})
    with pytest.raises(
        ConfigError, match=r"recipe: input_bits must be at most 4 \(activation\.bits of chip reference-128\), got 8"
    ):
        fit(SMALL, DATA, narrow)


def test_rate_warms_up_then_falls_to_zero_or_stays() -> None:
    rates = [rate(SMALL, k, 100, 5) for k in range(100)]
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[4] and rates[-1] < 1e-3
    assert {rate(PAPER, k, 100, 5) for k in range(100)} == {1.0}


def equal_and_accurate(trained: Trained, recipe: Recipe, data: Dataset, floor: float) -> None:
    x = to_inputs(data.x_test, recipe.input)
    y = run(export(trained.model, "digits"), x)
    assert (y == trained.model.eval()(torch.from_numpy(x)).numpy()).all()
    assert trained.accuracy_quantized == 100 * (y.argmax(1) == data.y_test).mean()
    assert trained.images == 360
    assert trained.accuracy_quantized >= floor


@pytest.mark.parametrize(
    ("chip", "fields", "floor"),
    [
        ("reference-128", {}, 95.0),
        ("tiny", {"activation_bits": 4, "input_bits": 4}, 95.0),
        ("tiny", {"activation_bits": 3, "input_bits": 5, "input_signed": True}, 94.0),
        ("reference-128", {"method": "iscas2018", "lr": 3e-3}, 93.0),
        ("tiny", {"method": "iscas2018", "lr": 3e-3, "reject": True}, 93.0),
    ],
)
def test_digits(chip: str, fields: dict[str, object], floor: float) -> None:
    recipe = Recipe.model_validate({"hidden": (64,), "epochs": 30, "batch": 32, "float_baseline": False} | fields)
    equal_and_accurate(fit(recipe, DATA, Chip.load(chip)), recipe, DATA, floor)


@pytest.mark.parametrize(
    ("fields", "floor"),
    [
        ({"method": "regularized", "strength": 3.0}, 90.0),
        ({"method": "direct", "scale": "column"}, 90.0),
        ({"scale": "column", "bias": "grid"}, 93.0),
        ({"slices": 2, "activation_signed": True}, 95.0),
        ({"activation_bits": 2, "activation_signed": True, "activation_range": "narrow"}, 94.0),
        ({"converters": True}, 94.0),
        ({"cells": {"variation": 0.2}, "activation_clip": 3.0}, 92.0),
    ],
    ids=str,
)
def test_digits_by_other_methods(fields: dict[str, object], floor: float) -> None:
    base = {"hidden": (64,), "epochs": 20, "batch": 32, "float_lr": 1e-2}
    recipe = Recipe.model_validate(base | {"float_baseline": fields.get("method") == "direct"} | fields)
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_quantized >= floor
    if not recipe.converters:
        equal_and_accurate(trained, recipe, DATA, floor)


@pytest.mark.parametrize("method", ["lsq", "direct"])
def test_convolutions_learn_digits(method: str) -> None:
    recipe = Recipe.model_validate(
        {"model": "lenet", "channels": (8,), "hidden": (32,), "epochs": 12, "batch": 32, "method": method}
    )
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_float is not None and trained.accuracy_float >= 94
    equal_and_accurate(trained, recipe, DATA, 91.0 if method == "lsq" else 60.0)


def test_a_residual_net_learns_colours() -> None:
    """Three classes told apart by their brightest channel, through batch norm, sums and average pooling."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = rng.integers(0, 100, (240, 3, 32, 32))
    x[np.arange(240), y] += 100
    flat = x.astype(np.uint8).reshape(240, -1)
    data = Dataset("colours", flat[:180], y[:180], flat[180:], y[180:], 3, (3, 32, 32))
    recipe = Recipe(
        dataset="x.npz", model="resnet", channels=(4, 8), blocks=1, epochs=4, batch=30, lr=1e-2, float_baseline=False
    )
    wide = data.x_train.reshape(-1, 3, 32, 32)
    assert wide.shape[1:] == data.shape
    trained = fit(recipe, data, CHIP)
    assert trained.accuracy_quantized > 90
    z = to_inputs(data.x_test, recipe.input)
    assert (run(export(trained.model, "r"), z) == trained.model.integers(z)).all()


def test_held_out_images_are_tested_on_and_not_trained_on() -> None:
    recipe = SMALL.model_copy(update={"validation": 100, "epochs": 1})
    data = recipe.load()
    assert (len(data.x_train), len(data.x_test)) == (1437 - 100, 100)
    assert (data.x_test == DATA.x_train[-100:]).all()
    assert fit(recipe, data, CHIP).images == 100


def test_a_missing_gpu_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ToolError, match=r'^train\.device: "cuda" was asked for, torch finds no GPU here; use'):
        fit(SMALL.model_copy(update={"device": "cuda"}), DATA, CHIP)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "lenet"}, "recipe: model = 'lenet' needs images, data set rows has rows of 64 numbers; give arrays"),
        ({"shift": 1}, "recipe: shift needs images, data set rows has rows of 64 numbers; give arrays of shape"),
        ({"flip": True}, "recipe: flip needs images, data set rows has rows of 64 numbers"),
    ],
)
def test_rows_without_image_form_are_refused_where_images_are_needed(fields: dict[str, object], message: str) -> None:
    rows = replace(DATA, name="rows", shape=())
    with pytest.raises(ConfigError) as caught:
        fit(Recipe.model_validate(fields), rows, CHIP)
    assert str(caught.value).startswith(message)


def test_float_twin_is_measured_and_optional() -> None:
    recipe = SMALL.model_copy(update={"epochs": 10, "float_lr": 1e-2})
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_float is not None and trained.accuracy_float > 85
    assert [e.phase for e in trained.history] == ["float"] * 10 + ["quantized"] * 10
    alone = fit(recipe.model_copy(update={"float_baseline": False}), DATA, CHIP)
    assert alone.float_model is None and alone.accuracy_float is None
    assert weights(alone) == weights(replace(trained, float_model=None))  # the twin changes nothing
    assert isinstance(alone.model, QuantNet)


def test_one_epoch_of_mnist() -> None:
    home = places("mnist", None)[0]
    if not home.is_dir():  # a damaged file fails
        pytest.skip(f"{home} is absent")
    data = mnist()
    recipe = Recipe(dataset="mnist", hidden=(32,), epochs=1, float_baseline=False)
    assert fit(recipe, data, CHIP).accuracy_quantized > 90


def test_no_hidden_layer_is_a_network_too() -> None:
    trained = fit(SMALL.model_copy(update={"hidden": ()}), DATA, CHIP)
    x = to_inputs(DATA.x_test, SMALL.input)
    assert (run(export(trained.model, "one"), x) == trained.model(torch.from_numpy(x)).numpy()).all()


def test_data_of_another_range_train_as_well() -> None:
    """Digits of 0..16, as scikit-learn has them: of four bits only the top one was left, for the float twin too."""
    train, test = (((x.astype(np.int64) + 1) // 16).astype(np.uint8) for x in (DATA.x_train, DATA.x_test))
    data = Dataset("raw", train, DATA.y_train, test, DATA.y_test, 10, (1, 8, 8))
    assert data.range == Range(0, 16)
    recipe = Recipe(input_bits=4, activation_bits=4, hidden=(32,), epochs=15)
    trained = fit(recipe, data, CHIP)
    assert trained.accuracy_float is not None and trained.accuracy_float > 90
    assert trained.accuracy_quantized > 88
    z = trained.model.integers(data.test_inputs(recipe.input))
    assert accuracy(z, data.y_test) == trained.accuracy_quantized
