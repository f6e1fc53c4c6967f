"""The recipe: defaults by method, refusals, and no torch."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from codesign.train.nets.architecture import Conv, Linear
from codesign.train.recipe import Recipe


def test_defaults_follow_the_method() -> None:
    lsq, paper = Recipe(), Recipe(method="iscas2018")
    assert (lsq.batch, lsq.lr, lsq.weight_decay) == (128, 4e-3, 1e-4)
    assert (paper.batch, paper.lr, paper.weight_decay) == (60, 1e-3, 0.0)
    assert (str(lsq.input), str(Recipe(input_bits=4, input_signed=True).input), str(lsq.activation)) == (
        "u8",
        "i4",
        "u8",
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, "Extra inputs are not permitted"),
        ({"reject": True}, 'reject: needs method = "iscas2018"'),
        ({"grid_max": 0.1}, 'grid_max: needs method = "iscas2018"; lsq learns a scale per layer'),
        ({"method": "adam"}, "'lsq', 'iscas2018', 'regularized' or 'direct'"),
        ({"strength": 5.0}, 'strength: needs method = "regularized"'),
        ({"method": "iscas2018", "scale": "column"}, 'scale: "column" needs method = "lsq" or "direct", got iscas2018'),
        ({"method": "direct", "converters": True}, 'method: "direct" trains no quantized net, so converters, cells'),
        ({"method": "direct", "float_baseline": False}, 'float_baseline: method = "direct" needs the float twin; set'),
        ({"distill": 0.5, "float_baseline": False}, "float_baseline: distill needs the float twin; set float_baseline"),
        ({"stuck_map": "x", "slices": 2}, "stuck_map: maps one pair of cells a weight; use slices = 1"),
        ({"channels": (4,)}, "channels: an mlp has none; use hidden, or another model"),
        ({"model": "lenet", "channels": ()}, "channels: a lenet needs at least one; for example channels = "),
        ({"model": "resnet", "hidden": (8,)}, "hidden: a resnet has none; use channels and blocks"),
        ({"quantize": "conv"}, 'quantize: an mlp has no convolutions; use "all" or "linear"'),
        ({"activation_range": "wide"}, 'must be "full", "narrow" or two integers'),
        ({"activation_range": [0, 1.0]}, 'must be "full", "narrow" or two integers'),
        ({"activation_range": [0, 1, 2]}, 'must be "full", "narrow" or two integers'),
        ({"activation_range": [-1, 1]}, r"activation_range: must be .lo, hi., lo < hi, in 0\.\.255 .u8., got .-1, 1."),
        ({"activation_range": [3, 3]}, r"activation_range: must be .lo, hi., lo < hi, in 0\.\.255 .u8., got .3, 3."),
        (
            {"activation_range": [-3, 1], "activation_bits": 2, "activation_signed": True},
            r"activation_range: must be .lo, hi., lo < hi, in -2\.\.1 .i2., got .-3, 1.",
        ),
        ({"activation_range": "narrow"}, 'activation_range: "narrow" needs activation_signed = true; unsigned'),
        (
            {"activation_range": "narrow", "activation_bits": 1, "activation_signed": True},
            'activation_range: "narrow" leaves one integer of 1 bit; use activation_bits = 2 or more',
        ),
        ({"input_bits": 9}, "less than or equal to 8"),
        ({"hidden": (0,)}, "greater than or equal to 1"),
        ({"lr": float("nan")}, "finite number"),
    ],
)
def test_impossible_recipes_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "activation", "summand"),
    [
        ({}, "u8", "i8"),
        ({"activation_signed": True}, "i8", "i8"),
        ({"activation_signed": True, "activation_bits": 2, "activation_range": "narrow"}, "i2[-1..1]", "i2[-1..1]"),
        ({"activation_signed": True, "activation_range": [-127, 127]}, "i8[-127..127]", "i8"),
        ({"activation_bits": 4, "activation_range": [0, 10]}, "u4[0..10]", "i4"),
        ({"model": "resnet", "activation_bits": 4, "activation_range": "narrow"}, "u4", "i4[-7..7]"),
    ],
)
def test_types_of_activations(fields: dict[str, object], activation: str, summand: str) -> None:
    recipe = Recipe.model_validate(fields)
    assert (str(recipe.activation), str(recipe.summand)) == (activation, summand)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_defaults_follow_the_model() -> None:
    nets = {m: Recipe.model_validate({"model": m}) for m in ("mlp", "lenet", "cifar_lenet", "resnet")}
    assert {m: (r.channels, r.hidden) for m, r in nets.items()} == {
        "mlp": ((), (64,)),
        "lenet": ((20, 50), (128,)),
        "cifar_lenet": ((32, 32, 64), ()),
        "resnet": ((16, 32, 64), ()),
    }
    layers = nets["resnet"].layers(10)
    assert sum(isinstance(x, Conv | Linear) for x in layers) == 20 + 2  # ResNet-20 and the shortcuts of two stages


def test_it_is_frozen_and_every_field_is_described() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().seed = 3  # type: ignore[misc]
    assert all(f.description for f in Recipe.model_fields.values())


def test_round_trip_keeps_equality() -> None:
    for recipe in (Recipe(), Recipe(method="iscas2018", reject=True, grid_max=0.095)):
        for text in (recipe.model_dump_json(exclude_unset=True), recipe.model_dump_json()):
            assert Recipe.model_validate_json(text) == recipe


def test_recipe_and_data_need_no_torch() -> None:
    code = "import sys; from codesign.train import Recipe, load; load('digits'); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
