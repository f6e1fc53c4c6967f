"""Slices of each layer's own: what a recipe asks for, and what the exported network computes from them."""

from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.errors import ConfigError, InputError
from codesign.fixed import MULT_BITS, IntType, Trim, bit_planes, convert, plane_weights, requantize, trimmed
from codesign.ir import Conv, Linear, Network, run
from codesign.mapping.cells import to_slices
from codesign.train.export import export
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.loop import fit
from codesign.train.nets.quantized import quantized
from codesign.train.recipe import Recipe
from codesign.train.slices import slices_of
from tests.train.small import DATA
from tests.train.test_export import GRIDS, SMALL, inputs, train_a_little

MULT = IntType(MULT_BITS, signed=True)
CHIP = Chip.parse(
    """
    name = "sliced"
    arrays = {count = 40, rows = 8, columns = 32}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 5, lanes = 4}
    bus = {stream_bytes = 4}
    """
)


def sliced(net: str, grid: str, counts: tuple[int, ...], **options: Any) -> Any:
    """A little trained; the layers have these slices in turn."""
    layers, shape = SMALL[net]
    device, turn = GRIDS[grid], cycle(counts)
    grids = {spec.name: Grid.sliced(device.weights, next(turn), device.levels) for spec in layers}
    made = quantized(layers, shape, grids, **{"activation": IntType(8), "input": IntType(8), "seed": 5} | options)
    return train_a_little(made, 2 if len(shape) == 3 else 8)


@pytest.mark.parametrize(
    "options",
    [{}, {"per_column": True}, {"bias_on_grid": True}, {"weight_clip": 0.3}, {"activation_clip": 6.0}],
    ids=str,
)
@pytest.mark.parametrize("grid", ["binary", "four", "table"])
@pytest.mark.parametrize("net", ["mlp", "lenet", "resnet"])
def test_every_layer_exports_its_own_slices(net: str, grid: str, options: dict[str, Any]) -> None:
    model, device = sliced(net, grid, (2, 1, 2, 1, 1), **options), GRIDS[grid]
    network, x = export(model, "net"), inputs(model, 40)
    y = run(network, x)
    assert (y == model(torch.from_numpy(x)).numpy()).all()
    assert len(np.unique(y)) > 2
    held = [n for n in network.nodes if isinstance(n, Linear | Conv)]
    assert {n.slices for n in held} == {1, 2} and all(n.slices == model.layers[n.name].grid.slices for n in held)
    for node in held:
        assert (np.abs(node.weight).max() > max(device.weights)) == (node.slices > 1)  # it needs what it says
        assert MULT.holds(node.requant.mult * device.levels ** (node.slices - 1))
        if not node.requant.is_raw and np.abs(node.requant.bias).max() < 2**30 and node.requant.shift < 31:
            assert not MULT.holds(2 * (node.requant.mult + 1) * device.levels ** (node.slices - 1))  # no more room


def on_chip(network: Network, x: np.ndarray, chip: Chip) -> np.ndarray:
    """The network on the chip, from the exported file's words alone: a term of the requantizer for every slice."""
    base, adc = chip.device.levels, IntType(chip.adc.bits, signed=True)
    for node in network.nodes:
        assert isinstance(node, Linear)
        kind, q = network.type_of(node.source), node.requant
        trim, reserve = node.trim or Trim(), base ** (node.slices - 1)
        mult, bias, shift = trimmed(q.mult, q.bias, q.shift, trim, node.name, reserve)
        assert MULT.holds(mult * reserve)
        ends = [0, *range(chip.arrays.rows - node.cut, node.inputs, chip.arrays.rows), node.inputs]
        planes, scaled = bit_planes(x, kind).astype(np.int64), np.zeros((len(x), node.outputs), np.int64)
        for s, digits in enumerate(to_slices(node.weight, chip.device, node.slices, node.name)):
            for first, end in pairwise(ends):
                codes = convert(planes[..., first:end] @ digits[first:end], trim, 0, adc).astype(np.int64)
                scaled += np.tensordot(plane_weights(kind), codes, axes=1) * (mult * base**s)
        x = requantize(scaled, 1, bias, shift, q.out)
    return x


@pytest.mark.parametrize("kind", [IntType(8), IntType(4, True)], ids=str)
@pytest.mark.parametrize("counts", [(2, 1, 3), (1, 2, 1)], ids=str)
@pytest.mark.parametrize("cuts", [(0, 0, 0), (3, 7, 1)], ids=str)
def test_slices_and_cuts_through_converters(kind: IntType, counts: tuple[int, ...], cuts: tuple[int, ...]) -> None:
    """The model trained through converters, and the chip with what the exported network records: code for code."""
    places = iter(cuts)

    def converters(_name: str, last: bool) -> Converters:
        made = Converters(CHIP.arrays.rows, CHIP.adc.bits, last, CHIP.device.codes[-1], next(places))
        with torch.no_grad():
            made.log_scale.fill_(0.9 if last else 0.95)
        return made

    model = sliced("mlp", "four", counts, activation=kind, input=kind, converters=converters)
    network, x = export(model, "net"), inputs(model)
    nodes = [n for n in network.nodes if isinstance(n, Linear)]
    assert [n.slices for n in nodes] == list(counts) and [n.cut for n in nodes] == list(cuts)
    assert all(n.trim is not None for n in nodes)
    scarce = [n for n in nodes if not n.requant.is_raw and n.slices > 1]
    for n in scarce:  # here the trim would overflow the multiplier of the highest slice
        q, trim = n.requant, n.trim or Trim()
        assert not MULT.holds(trimmed(q.mult, q.bias, q.shift, trim, n.name)[0] * 4 ** (n.slices - 1))
    y = on_chip(network, x, CHIP)
    assert scarce and (y == model(torch.from_numpy(x)).numpy()).all()
    assert (y != run(network, x)).mean() > 0.3 and len(np.unique(y)) > 10  # the converters do cut
    model.train()
    with torch.no_grad():  # training's forward pass has the same codes: only float requantization lies between
        guesses = model(torch.from_numpy(x)).argmax(1).numpy()
    assert (guesses == y.argmax(1)).mean() > 0.8


def asked(**quantize: Any) -> Recipe:
    return Recipe.model_validate({"network": {"hidden": (18, 40)}, "quantize": quantize})


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        (1, [1, 1, 1]),
        (3, [3, 3, 3]),
        ({}, [1, 1, 1]),
        ({"fc2": 2, "fc3": 4}, [1, 2, 4]),
        ("free", [1, 1, 1]),  # five groups of eight, ten of twelve, three of four
        ({"fc1": 2, "fc3": "free"}, [2, 1, 1]),
    ],
)
def test_slices_of_a_recipe(slices: Any, expected: list[int]) -> None:
    recipe = asked(slices=slices)
    assert list(slices_of(recipe.quantize, recipe.network.layers(10), CHIP).values()) == expected
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_free_slices_depend_on_the_outputs() -> None:
    recipe = asked(slices="free").changed({"network.hidden": (5, 17, 9)})
    assert slices_of(recipe.quantize, recipe.network.layers(4), CHIP) == {"fc1": 2, "fc2": 1, "fc3": 1, "fc4": 4}
    conv = asked(slices="free").changed({"network.model": "lenet", "network.channels": (4, 8), "network.hidden": ()})
    assert slices_of(conv.quantize, conv.network.layers(10), CHIP) == {"conv1": 4, "conv2": 2, "fc1": 1}


def test_slices_that_no_weight_can_have() -> None:
    fine = CHIP.model_copy(update={"device": CHIP.device.model_copy(update={"levels": 16, "code_bits": 4})})
    with pytest.raises(ConfigError) as caught:
        fit(asked(slices={"fc2": 4}), DATA, fine, progress=lambda epoch: pytest.fail(f"trained {epoch}"))
    assert str(caught.value) == (
        "recipe: quantize.slices: layer fc2: 4 slices of 31 values are 923,521 combinations, at most 65,536 are "
        "allowed; use fewer slices or a device with fewer levels"
    )


@pytest.mark.parametrize("converters", [False, True], ids=["exact", "converters"])
@pytest.mark.parametrize("method", ["lsq", "iscas2018", "regularized", "direct"])
@pytest.mark.parametrize("slices", ["free", {"fc1": 2}], ids=str)
def test_every_method_trains_them(method: str, slices: Any, converters: bool) -> None:
    if converters and method == "direct":
        return  # trains no quantized net
    recipe = asked(slices=slices, converters=converters, activation_bits=4, input_bits=4).changed(
        {"network.hidden": (8,), "train.method": method, "train.epochs": 2, "train.lr": 1e-2}
    )
    found = fit(recipe, DATA, CHIP)
    nodes = [n for n in found.network.nodes if isinstance(n, Linear)]
    assert [n.slices for n in nodes] == [2, 1]  # eight outputs are two groups of four, ten are three
    assert np.abs(nodes[0].weight).max() > 3 >= np.abs(nodes[1].weight).max()
    x = DATA.test_inputs(recipe.quantize.input)
    y = found.model.integers(x)
    assert (y == (on_chip(found.network, x, CHIP) if converters else run(found.network, x))).all()
    assert 100 * (y.argmax(1) == DATA.y_test).mean() == found.accuracy_quantized > 15


def test_a_stuck_map_wants_one_slice_in_its_layers(tmp_path: Path) -> None:
    """The other layers may have more."""
    path = str(tmp_path / "map.safetensors")
    save_file({"fc1": torch.full((18, 64, 2), -1, dtype=torch.int8)}, path)
    few = {"train.epochs": 1, "network.hidden": (18,), "train.baseline": False}
    found = fit(asked(slices={"fc2": 2}, stuck_map=path).changed(few), DATA, CHIP)
    assert [layer.grid.slices for layer in found.model.chain if layer.grid] == [1, 2]
    with pytest.raises(InputError) as caught:
        fit(asked(slices={"fc1": 2}, stuck_map=path).changed(few), DATA, CHIP)
    assert str(caught.value) == (
        f"{path}: layer fc1 has 2 slices, a map describes one pair of cells per weight; set quantize.slices.fc1 = 1, "
        "or leave the layer out of the map"
    )


def test_imperfect_cells_of_every_slice() -> None:
    recipe = asked(slices={"fc1": 2}, cells=Cells(variation=0.05)).changed({"train.epochs": 1, "network.hidden": (8,)})
    found = fit(recipe, DATA, CHIP)
    x = DATA.test_inputs(recipe.quantize.input)
    assert (found.model.integers(x) == run(found.network, x)).all()
