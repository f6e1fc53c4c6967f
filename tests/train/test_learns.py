"""Every method and kind of net learns, and what is exported computes the same."""

import numpy as np
import pytest
import torch

from codesign.chip.description import Chip
from codesign.data import Dataset, Range, mnist, to_inputs
from codesign.data.files import places
from codesign.ir import run
from codesign.train.export import export
from codesign.train.loop import Trained, accuracy, fit
from codesign.train.recipe import Recipe
from tests.train.small import CHIP, DATA, SMALL


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
    recipe = Recipe.model_validate({"hidden": (64,), "epochs": 15, "batch": 32, "float_baseline": False} | fields)
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
