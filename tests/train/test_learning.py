"""Whole trainings: what every method and architecture learns, and the integers that come of it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from codesign.chip.description import Chip
from codesign.data import Dataset, Range, digits, mnist, to_inputs
from codesign.ir import run
from codesign.train.export import export
from codesign.train.loop import fit
from codesign.train.recipe import Data, Net, Quantization, Recipe, Training
from codesign.train.trained import Trained, accuracy

pytestmark = pytest.mark.slow

CHIP = Chip.load("reference-128")
DATA = digits()


def equal_and_accurate(trained: Trained, recipe: Recipe, data: Dataset, floor: float) -> None:
    x = to_inputs(data.x_test, recipe.quantize.input)
    y = run(export(trained.model, "digits"), x)
    assert (y == trained.model.eval()(torch.from_numpy(x)).numpy()).all()
    assert trained.accuracy_quantized == 100 * (y.argmax(1) == data.y_test).mean()
    assert trained.images == 360
    assert trained.accuracy_quantized >= floor


@pytest.mark.parametrize(
    ("chip", "fields", "floor"),
    [
        ("reference-128", {}, 95.0),
        ("tiny", {"quantize.activation_bits": 4, "quantize.input_bits": 4}, 95.0),
        pytest.param(
            "tiny",
            {"quantize.activation_bits": 3, "quantize.input_bits": 5, "quantize.input_signed": True},
            94.0,
            marks=pytest.mark.slow,
        ),
        pytest.param("reference-128", {"train.method": "iscas2018", "train.lr": 3e-3}, 93.0, marks=pytest.mark.slow),
        ("tiny", {"train.method": "iscas2018", "train.lr": 3e-3, "train.reject": True}, 93.0),
    ],
)
def test_digits(chip: str, fields: dict[str, object], floor: float) -> None:
    recipe = Recipe().changed(
        {"network.hidden": (64,), "train.epochs": 15, "train.batch": 32, "train.baseline": False} | fields
    )
    equal_and_accurate(fit(recipe, DATA, Chip.load(chip)), recipe, DATA, floor)


@pytest.mark.parametrize(
    ("fields", "floor"),
    [
        pytest.param({"train.method": "regularized", "train.strength": 3.0}, 90.0, marks=pytest.mark.slow),
        ({"train.method": "direct", "quantize.scale": "column"}, 90.0),
        pytest.param({"quantize.scale": "column", "quantize.bias": "grid"}, 93.0, marks=pytest.mark.slow),
        pytest.param({"quantize.slices": 2, "quantize.activation_signed": True}, 95.0, marks=pytest.mark.slow),
        pytest.param(
            {"quantize.activation_bits": 2, "quantize.activation_signed": True, "quantize.activation_range": "narrow"},
            94.0,
            marks=pytest.mark.slow,
        ),
        ({"quantize.converters": True, "train.epochs": 12}, 94.0),
        pytest.param(
            {"quantize.cells": {"variation": 0.2}, "quantize.activation_clip": 3.0}, 92.0, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_digits_by_other_methods(fields: dict[str, object], floor: float) -> None:
    base = {"network.hidden": (64,), "train.epochs": 20, "train.batch": 32, "train.baseline_lr": 1e-2}
    recipe = Recipe().changed(base | {"train.baseline": fields.get("train.method") == "direct"} | fields)
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_quantized >= floor
    if not recipe.quantize.converters:
        equal_and_accurate(trained, recipe, DATA, floor)


@pytest.mark.parametrize("method", ["lsq", pytest.param("direct", marks=pytest.mark.slow)])
def test_convolutions_learn_digits(method: str) -> None:
    net = Net(model="lenet", channels=(8,), hidden=(32,))
    recipe = Recipe(network=net).changed({"train.epochs": 12, "train.batch": 32, "train.method": method})
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_baseline is not None and trained.accuracy_baseline >= 94
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
        data=Data(dataset="x.npz"),
        network=Net(model="resnet", channels=(4, 8), blocks=1),
        train=Training(epochs=4, batch=30, lr=1e-2, baseline=False),
    )
    wide = data.x_train.reshape(-1, 3, 32, 32)
    assert wide.shape[1:] == data.shape
    trained = fit(recipe, data, CHIP)
    assert trained.accuracy_quantized > 90
    z = to_inputs(data.x_test, recipe.quantize.input)
    assert (run(export(trained.model, "r"), z) == trained.model.integers(z)).all()


@pytest.mark.slow
def test_one_epoch_of_mnist() -> None:
    home = os.environ.get("CODESIGN_DATA")
    if not home or not (Path(home) / "mnist").is_dir():  # a damaged file fails
        pytest.skip("needs MNIST in CODESIGN_DATA")
    data = mnist()
    once = Training(epochs=1, baseline=False)
    recipe = Recipe(data=Data(dataset="mnist"), network=Net(hidden=(32,)), train=once)
    assert fit(recipe, data, CHIP).accuracy_quantized > 90


def test_data_of_another_range_train_as_well() -> None:
    """Digits of 0..16, as scikit-learn has them: of four bits only the top one was left, for the baseline too."""
    train, test = (((x.astype(np.int64) + 1) // 16).astype(np.uint8) for x in (DATA.x_train, DATA.x_test))
    data = Dataset("raw", train, DATA.y_train, test, DATA.y_test, 10, (1, 8, 8))
    assert data.range == Range(0, 16)
    bits = Quantization(input_bits=4, activation_bits=4)
    recipe = Recipe(network=Net(hidden=(32,)), quantize=bits, train=Training(epochs=15))
    trained = fit(recipe, data, CHIP)
    assert trained.accuracy_baseline is not None and trained.accuracy_baseline > 90
    assert trained.accuracy_quantized > 88
    z = trained.model.integers(data.test_inputs(recipe.quantize.input))
    assert accuracy(z, data.y_test) == trained.accuracy_quantized
