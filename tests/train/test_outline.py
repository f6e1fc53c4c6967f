"""A recipe's outline, before there are weights, is that of the network that its training exports."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from codesign.chip.description import Chip
from codesign.mapping import Outline, outline
from codesign.train.build import build
from codesign.train.export import export
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture as arch
from codesign.train.nets.quantized import quantized
from codesign.train.outline import cuts_of, outline_of
from codesign.train.recipe import Recipe

CHIP = Chip.parse(
    """
    name = "sizes"
    arrays = {count = 60, rows = 24, columns = 32}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 5, lanes = 4}
    bus = {stream_bytes = 4}
    """
)
NETS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "mlp": ({"hidden": (7, 5)}, (20,)),
    "mlp of pictures": ({"hidden": (30, 7)}, (2, 5, 4)),
    "lenet": ({"model": "lenet", "channels": (3, 5), "hidden": (8,)}, (1, 16, 16)),
    "lenet, one layer": ({"model": "lenet", "channels": (7,), "hidden": (30,), "kernel": 3}, (2, 9, 12)),
    "cifar_lenet": ({"model": "cifar_lenet", "channels": (5, 9), "norm": True}, (3, 8, 8)),
    "resnet": ({"model": "resnet", "channels": (4, 6), "blocks": 2}, (3, 33, 32)),
    "resnet, same widths": ({"model": "resnet", "channels": (5, 5, 5), "blocks": 1}, (1, 32, 34)),
    "cifar_lenet, odd": ({"model": "cifar_lenet", "channels": (5, 4), "hidden": (6,), "kernel": 3}, (3, 9, 7)),
}
QUANTIZE: dict[str, dict[str, Any]] = {
    "plain": {},
    "narrow signed": {"activation_signed": True, "activation_bits": 3, "activation_range": "narrow"},
    "two slices": {"slices": 2, "input_signed": True, "input_bits": 5},
    "free slices": {"slices": "free"},
}


def both(name: str, quantize: dict[str, Any]) -> tuple[Outline, Outline]:
    """What the recipe tells, and what the exported network is."""
    network, shape = NETS[name]
    recipe = Recipe.model_validate({"network": network, "quantize": quantize})
    layers = recipe.network.layers(4)
    made = build(recipe, layers, shape, CHIP, torch.Generator())
    return outline_of(recipe, layers, shape, CHIP), outline(export(made, "net"))


@pytest.mark.parametrize("quantize", QUANTIZE.values(), ids=QUANTIZE.keys())
@pytest.mark.parametrize("name", NETS)
def test_before_and_after_training(name: str, quantize: dict[str, Any]) -> None:
    told, found = both(name, quantize)
    assert replace(told, name="net") == found
    assert ("net" in name) == any(n.places for n in told.layers)


@pytest.mark.parametrize("objective", ["cycles", "arrays"])
@pytest.mark.parametrize("name", NETS)
def test_through_converters_cuts_are_those_of_the_plan(name: str, objective: str) -> None:
    network, shape = NETS[name]
    recipe = Recipe.model_validate(
        {"network": network, "quantize": {"converters": True}, "compile": {"objective": objective}}
    )
    layers = recipe.network.layers(4)
    cuts = cuts_of(recipe, layers, shape, CHIP)
    assert any(cuts.values()) == (objective == "arrays")
    told = outline_of(recipe, layers, shape, CHIP)
    assert cuts.keys() == {n.name for n in told.matrices}
    cut = tuple(replace(n, cut=cuts.get(n.name)) for n in told.layers)
    made = build(recipe, layers, shape, CHIP, torch.Generator())
    assert replace(told, name="net", layers=cut) == outline(export(made, "net"))


def test_slices_of_convolutions_are_free_where_columns_are() -> None:
    told, _ = both("lenet", {"slices": {"conv1": 2, "fc2": "free"}})
    assert {n.name: n.slices for n in told.layers} == {"conv1": 2, "conv2": 1, "fc1": 1, "fc2": 4}


def test_a_sum_takes_the_accumulators_of_the_convolution_before_it() -> None:
    told, _ = both("resnet", {})
    at = {n.name: k for k, n in enumerate(told.layers)}
    raw = {n.gives: (n.name, n.other) for n in told.layers if n.gives.endswith("_add")}
    assert raw == {
        "s1b1_add": ("s1b1_conv2", "conv1"),
        "s1b2_add": ("s1b2_conv2", "s1b1_add"),
        "s2b1_add": ("s2b1_conv2", "s2b1_short"),
        "s2b2_add": ("s2b2_conv2", "s2b1_add"),
    }
    assert at["s2b1_short"] < at["s2b1_conv2"] and "s2b1_add" not in at
    assert [n.name for n in told.layers if n.is_vector] == ["pool"]


PICTURE = (2, 22, 22)
SUMS: dict[str, tuple[tuple[arch.Layer, ...], list[str]]] = {
    "read twice": ((arch.Add("sum", "a", "b"), arch.Add("last", "sum", "a")), ["b"]),
    "pooled": (
        (
            arch.Conv("p", "b", 4, 2, pool=2, act=False),
            arch.MaxPool("m", "a", 2, 1),
            arch.AvgPool("n", "m", 2, 2),
            arch.Add("last", "p", "n"),
        ),
        [],
    ),
    "in groups": ((arch.Conv("g", "b", 4, 1, groups=2, act=False), arch.Add("last", "g", "a")), ["a"]),
    "with an activation": ((arch.Conv("c", "b", 4, 1), arch.Add("last", "c", "b")), []),
    "the input's": ((arch.Conv("c", "input", 4, 3, 1, 1, act=False), arch.Add("last", "c", "b")), ["b"]),
    "once": ((arch.Add("last", "a", "a"),), []),
    "both": ((arch.Add("last", "b", "a"),), ["b"]),
}


@pytest.mark.parametrize("sums", SUMS)
def test_which_convolutions_a_sum_takes_as_they_are(sums: str) -> None:
    """At most one of a sum; after it, pools of every kind. The network that is made has the sizes that are told."""
    more, expected = SUMS[sums]
    layers = (
        arch.Conv("first", "input", 3, 3, padding=1),
        arch.Conv("a", "first", 4, 3, padding=1, act=False),
        arch.Conv("b", "first", 4, 1, act=False),
        *more,
        arch.MaxPool("beside", "last", 2, 2),
        arch.Conv("c1", "beside", 3, 1),
        arch.MaxPool("fused", "c1", 2, 2),
        arch.MaxPool("lapping", "fused", 2, 1),
        arch.AvgPool("mean", "lapping", 1, 1),
        arch.Linear("fc", "mean", 3, act=False),
    )
    recipe = Recipe()
    made = quantized(layers, PICTURE, Grid(CHIP.device.weights), recipe.quantize.activation, recipe.quantize.input)
    network = export(made, "net")
    assert [n.name for n in network.nodes[:-1] if n.scaling and n.scaling.is_raw] == expected
    told = outline_of(recipe, layers, PICTURE, CHIP)
    assert replace(told, name="net") == outline(network)
    assert {"beside", "lapping", "mean"} <= {n.name for n in told.layers if n.is_vector}


def test_huge_layers_are_told_without_their_weights() -> None:
    recipe = Recipe.model_validate({"network": {"model": "cifar_lenet", "channels": (65536,) * 2, "hidden": (65536,)}})
    told = outline_of(recipe, recipe.network.layers(10), (3, 8, 8), CHIP)
    assert [n.inputs for n in told.layers] == [75, 25 * 65536, 4 * 65536, 65536]
