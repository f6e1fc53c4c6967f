"""The recipe: defaults by method, refusals, and no torch."""

import subprocess
import sys

import pytest
from pydantic import BaseModel, ValidationError

from codesign.devices import Cells
from codesign.errors import ConfigError
from codesign.ir.geometry import Window
from codesign.train.nets.architecture import Conv, Linear
from codesign.train.recipe import Machine, Net, Quantization, Recipe, Training


def test_defaults_follow_the_method() -> None:
    lsq, paper = Training(), Training(method="iscas2018")
    assert (lsq.batch, lsq.lr, lsq.weight_decay, lsq.baseline_lr) == (128, 4e-3, 1e-4, 4e-3)
    assert (paper.batch, paper.lr, paper.weight_decay, paper.baseline_lr) == (60, 1e-3, 0.0, 1e-3)
    assert Training(weight_decay=0.1).baseline_weight_decay == 0.1


def test_types_of_inputs() -> None:
    assert [str(Quantization(input_signed=s, input_bits=b).input) for s, b in ((False, 8), (True, 4))] == ["u8", "i4"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train.epoch": 3}, "Extra inputs are not permitted"),
        ({"train.reject": True}, 'reject: needs method = "iscas2018"'),
        ({"train.grid_max": 0.1}, 'grid_max: needs method = "iscas2018"; lsq learns a scale per layer'),
        ({"train.method": "adam"}, "'lsq', 'iscas2018', 'regularized' or 'direct'"),
        ({"train.strength": 5.0}, 'strength: needs method = "regularized"'),
        (
            {"train.method": "iscas2018", "quantize.scale": "column"},
            'quantize.scale: "column" needs train.method = "lsq" or "direct", got',
        ),
        (
            {"train.method": "direct", "quantize.converters": True},
            'train.method: "direct" trains no quantized net, so quantize.converters, cells',
        ),
        (
            {"train.method": "direct", "train.baseline": False},
            'baseline: method = "direct" needs the full-precision baseline; set',
        ),
        (
            {"train.distill": 0.5, "train.baseline": False},
            "baseline: distill needs the full-precision baseline; set baseline = true",
        ),
        (
            {"quantize.stuck_map": "x", "quantize.slices": 2},
            "stuck_map: maps one pair of cells per weight; use slices = 1",
        ),
        ({"quantize.slices": 9}, r'must be an integer 1\.\.8, "free", or a table of these by layer, like .fc2 = 2.'),
        ({"quantize.slices": "all"}, 'must be an integer 1..8, "free", or a table of these by layer'),
        ({"quantize.slices": True}, 'must be an integer 1..8, "free", or a table of these by layer'),
        ({"quantize.slices": [1, 2]}, 'must be an integer 1..8, "free", or a table of these by layer'),
        ({"quantize.slices": {"fc1": 0}}, 'must be an integer 1..8, "free", or a table of these by layer'),
        ({"quantize.slices": {"fc1": 1.0}}, 'must be an integer 1..8, "free", or a table of these by layer'),
        (
            {"quantize.slices": {"fc1": 2, "fc3": 2}},
            "quantize.slices: fc3 is not a layer with weights in cells; they are fc1, fc2 ",
        ),
        (
            {"network.model": "lenet", "quantize.layers": "conv", "quantize.slices.fc1": 2},
            "quantize.slices: fc1 is not a layer with weights in cells; they are conv1, conv2 ",
        ),
        ({"network.channels": (4,)}, "channels: an mlp has none; use hidden, or another model"),
        (
            {"network.model": "lenet", "network.channels": ()},
            "channels: a lenet needs at least one; for example channels = ",
        ),
        (
            {"network.model": "cifar_lenet", "network.kernel": 4},
            "kernel: must be odd for a cifar_lenet, which pads by half of it, got 4",
        ),
        ({"network.kernel": 0}, "greater than or equal to 1"),
        ({"network.model": "resnet", "network.hidden": (8,)}, "hidden: a resnet has none; use channels and blocks"),
        ({"quantize.layers": "conv"}, 'quantize.layers: an mlp has no convolutions; use "all" or "linear"'),
        ({"quantize.activation_range": "wide"}, 'must be "full", "narrow" or two integers'),
        ({"quantize.activation_range": [0, 1.0]}, 'must be "full", "narrow" or two integers'),
        ({"quantize.activation_range": [0, 1, 2]}, 'must be "full", "narrow" or two integers'),
        (
            {"quantize.activation_range": [-1, 1]},
            r"activation_range: must be .lo, hi., lo < hi, in 0\.\.255 .u8., got .-1, 1.",
        ),
        (
            {"quantize.activation_range": [3, 3]},
            r"activation_range: must be .lo, hi., lo < hi, in 0\.\.255 .u8., got .3, 3.",
        ),
        (
            {"quantize.activation_range": [-3, 1], "quantize.activation_bits": 2, "quantize.activation_signed": True},
            r"activation_range: must be .lo, hi., lo < hi, in -2\.\.1 .i2., got .-3, 1.",
        ),
        (
            {"quantize.activation_range": "narrow"},
            'activation_range: "narrow" needs activation_signed = true; unsigned',
        ),
        (
            {"quantize.activation_range": "narrow", "quantize.activation_bits": 1, "quantize.activation_signed": True},
            'activation_range: "narrow" leaves one integer of 1 bit; use activation_bits = 2 or more',
        ),
        ({"quantize.input_bits": 9}, "less than or equal to 8"),
        ({"network.hidden": (0,)}, "greater than or equal to 1"),
        ({"train.lr": float("nan")}, "finite number"),
    ],
)
def test_impossible_recipes_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe().changed(fields)


@pytest.mark.parametrize(
    ("fields", "activation", "summand"),
    [
        ({}, "u8", "i8"),
        ({"quantize.activation_signed": True}, "i8", "i8"),
        (
            {"quantize.activation_signed": True, "quantize.activation_bits": 2, "quantize.activation_range": "narrow"},
            "i2[-1..1]",
            "i2[-1..1]",
        ),
        ({"quantize.activation_signed": True, "quantize.activation_range": [-127, 127]}, "i8[-127..127]", "i8"),
        ({"quantize.activation_bits": 4, "quantize.activation_range": [0, 10]}, "u4[0..10]", "i4"),
        (
            {"network.model": "resnet", "quantize.activation_bits": 4, "quantize.activation_range": "narrow"},
            "u4",
            "i4[-7..7]",
        ),
    ],
)
def test_types_of_activations(fields: dict[str, object], activation: str, summand: str) -> None:
    recipe = Recipe().changed(fields)
    assert (str(recipe.quantize.activation), str(recipe.quantize.summand)) == (activation, summand)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_defaults_follow_the_model() -> None:
    nets = {m: Net.model_validate({"model": m}) for m in ("mlp", "lenet", "cifar_lenet", "resnet")}
    assert {m: (r.channels, r.hidden) for m, r in nets.items()} == {
        "mlp": ((), (64,)),
        "lenet": ((20, 50), (128,)),
        "cifar_lenet": ((32, 32, 64), ()),
        "resnet": ((16, 32, 64), ()),
    }
    layers = nets["resnet"].layers(10)
    assert sum(isinstance(x, Conv | Linear) for x in layers) == 20 + 2  # ResNet-20 and the shortcuts of two stages


@pytest.mark.parametrize(("model", "padding"), [("lenet", 0), ("cifar_lenet", 1)])
def test_kernels_of_a_size(model: str, padding: int) -> None:
    def windows(**fields: object) -> set[Window]:
        layers = Net.model_validate({"model": model, **fields}).layers(10)
        return {n.window for n in layers if isinstance(n, Conv)}

    assert windows(kernel=3) == {Window.square(3, 1, padding)}
    assert windows() == {Window.square(5, 1, 2 * padding)}


def test_slices_by_layer() -> None:
    def of(**fields: object) -> list[object]:
        recipe = Recipe().changed({f"quantize.{k}": v for k, v in fields.items()})
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
        return [recipe.quantize.slices_of(name) for name in ("fc1", "fc2")]

    assert of() == [1, 1]
    assert of(slices=3) == [3, 3]
    assert of(slices="free") == ["free", "free"]
    assert of(slices={"fc2": 2}) == [1, 2]
    assert of(**{"slices.fc1": "free", "slices.fc2": 2}) == ["free", 2]
    with pytest.raises(ConfigError) as caught:
        Recipe().changed({"quantize.slices": 2}).changed({"quantize.slices.fc1": 1})
    assert str(caught.value) == (
        "quantize.slices.fc1: quantize.slices is a value, not a table; set quantize.slices itself"
    )


def test_it_is_frozen_and_every_field_is_described() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().train.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().machine = Machine()  # type: ignore[misc]
    tables: list[type[BaseModel]] = [Recipe, *(type(table) for _, table in Recipe())]
    assert len(tables) == 7 and all(f.description for t in tables for f in t.model_fields.values())


def test_round_trip_keeps_equality() -> None:
    for recipe in (Recipe(), Recipe(train=Training(method="iscas2018", reject=True, grid_max=0.095))):
        for text in (recipe.model_dump_json(exclude_unset=True), recipe.model_dump_json()):
            assert Recipe.model_validate_json(text) == recipe


class TestChanged:
    def test_defaults_follow(self) -> None:
        found = Recipe(network=Net(blocks=2)).changed({"network.model": "lenet", "train.method": "iscas2018"})
        assert (found.network.hidden, found.network.blocks, found.train.batch) == ((128,), 2, 60)
        assert Recipe(train=Training(batch=5)).changed({"train.method": "iscas2018"}).train.batch == 5

    def test_below_a_table_in_a_table(self) -> None:
        cells = {"variation": 0.1}
        found = Recipe().changed({"quantize.cells": cells, "quantize.cells.stuck_on": 0.2})
        assert found.quantize.cells == Cells(variation=0.1, stuck_on=0.2) and cells == {"variation": 0.1}

    @pytest.mark.parametrize(
        ("key", "kind", "message"),
        [
            ("train.epoch", ValidationError, "Extra inputs"),
            ("trian.epochs", ValidationError, "Extra inputs"),
            ("train", ValidationError, "valid dictionary or instance of Training"),
            ("train.epochs.x", ConfigError, "train.epochs.x: train.epochs is a value, not a table; set train.epochs"),
        ],
    )
    def test_refused(self, key: str, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            Recipe(train=Training(epochs=3)).changed({key: 3})


def test_recipe_and_data_need_no_torch() -> None:
    code = "import sys; from codesign.train import Recipe, load; load('digits'); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
