"""Names of units and weights: the user's, through every kind of node, in files, and refused where ambiguous."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.ir import Add, Conv, Linear, Network, load, naming, save, show, verify
from codesign.ir.naming import unit_name, weight_name
from tests.ir.network_files import described, message, rewrite
from tests.ir.networks import U4, conv, hidden, linear, raw, residual, toy

FC1, FC2 = toy().nodes


def numbered(units: Any = (0, 2, 5, 9), **changes: Any) -> Network:
    """`toy` with numbered units; fc2 keeps two of its own."""
    return toy(nodes=(replace(FC1, units=units), replace(FC2, units=(1, 3, 4))), **changes)  # type: ignore[call-arg]


def image(units: tuple[int, ...] | None = (1, 4), groups: int = 1) -> Network:
    """conv1 with two channels left, a pool, a sum, conv2, and a linear layer that reads 3 images of 2x2 flat."""
    first = conv("conv1", "input", (2, 2, 3, 3), hidden(2), padding=1)
    return Network(
        "image",
        32,
        U4,
        (
            replace(first, units=units),
            Add("add", "conv1", "conv1", np.array([1, 2]), hidden(2)),
            conv("conv2", "add", (3 if groups == 1 else 2, 2 // groups, 1, 2), hidden(3 if groups == 1 else 2)),
            replace(residual().nodes[3], name="pool", source="add"),
            linear("fc", "pool", 2 * 2 * 2, 3, raw(3)),
        )
        if groups == 1
        else (
            replace(first, units=units),
            conv("conv2", "conv1", (2, 1, 1, 1), hidden(2), groups=2),
            linear("fc", "conv2", 2 * 4 * 4, 3, raw(3)),
        ),
        shape=(2, 4, 4),
    )


def test_linear_layers() -> None:
    net = verify(numbered())
    assert weight_name(toy(), "fc2", 3, 1) == "fc2[1, 3]", "outputs first, as torch's weight[1, 3]"
    assert weight_name(net, "fc1", 4, 2) == "fc1[5, 4]"
    assert weight_name(net, "fc2", 3, 2) == "fc2[4, 9]"
    assert (unit_name(net, "fc1", 3), unit_name(net, "fc2", 0)) == ("fc1[9]", "fc2[1]")
    assert net.numbers_of("input").tolist() == [0, 1, 2, 3, 4]
    assert naming.input_numbers(net, "fc2").tolist() == [0, 2, 5, 9]


def test_images() -> None:
    """Through a sum and a pool; a flat image has `height * width` inputs for each of the user's channels."""
    net = verify(image())
    assert weight_name(net, "conv1", 9 + 3 * 1 + 2, 1) == "conv1[4, 1, 1, 2]"
    assert weight_name(net, "conv2", 3, 2) == "conv2[2, 4, 0, 1]"
    assert net.numbers_of("pool").tolist() == [1, 4]
    assert naming.input_numbers(net, "fc").tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
    assert weight_name(net, "fc", 6, 0) == "fc[0, 18]"
    whole = verify(image(None, groups=2))
    assert weight_name(whole, "conv2", 0, 1) == "conv2[1, 0, 0, 0]", "within its group, as in torch"
    assert weight_name(whole, "fc", 17, 2) == "fc[2, 17]"


def test_what_has_no_weights() -> None:
    with pytest.raises(KeyError):
        weight_name(image(), "pool", 0, 0)
    assert unit_name(image(), "pool", 1) == "pool[4]"


@pytest.mark.parametrize("network", [numbered(), image()], ids=["linear", "image"])
def test_round_trip(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(network, path)
    text = described(path)
    assert text["schema"] == "codesign-network/4"
    assert [layer.get("units") for layer in text["layers"]][:1] == [list(network.nodes[0].units)]  # type: ignore[union-attr]
    back = load(path)
    assert [getattr(n, "units", None) for n in back.nodes] == [getattr(n, "units", None) for n in network.nodes]
    assert show(back) == show(network)
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


def test_shown() -> None:
    shown = show(numbered((0, 1, 2, 7))).splitlines()
    assert shown[1].startswith("  fc1 = linear(input) 5x4 weights -3..3 shift 1 units 0-2,7 -> u4 #")
    assert "units" not in show(toy())


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ([0, 1, 2], None),
        ([0, 1, 2, 2], None),
        ([3, 2, 1, 0], None),
        ([-1, 0, 1, 2], "layers.0.linear.units.0: input should be greater than or equal to 0"),
        ([0, 1, 2, 1 << 24], None),
        ([0, 1, 2, 1 << 25], "layers.0.linear.units.3: input should be less than or equal to 16777216"),
        ([0, 1, 2, 3.0], "layers.0.linear.units.3: input should be a valid integer"),
        ([], "layers.0.linear.units: list should have at least 1 item after validation, not 0"),
        ("0123", "layers.0.linear.units: input should be a valid array"),
    ],
)
def test_crafted_numbers_are_refused(units: Any, told: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(numbered(), path)
    layers = described(path)["layers"]
    rewrite(path, layers=[layers[0] | {"units": units}, layers[1]])
    if told:
        assert f"({told})" in message(path)
    else:
        rule = "units must be 4 rising integers in 0..16777215, one for every output, or None where none was removed"
        assert message(path, InputError) == f"layer fc1: {rule}"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_versions_have_no_numbers(version: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(numbered(), path)
    old = [{k: v for k, v in layer.items() if k != "out"} | {"out": [4, False]} for layer in described(path)["layers"]]
    rewrite(path, schema=f"codesign-network/{version}", layers=old, input=[4, True])
    assert message(path).startswith(f"{path}: not a network file (")


@pytest.mark.parametrize(
    "units", [[0, 1, 2, 5], (0, 1, 2), (0, 1, 2, 2), (-1, 0, 1, 2), (0, 1, 2, 5.0), (True, 2, 3, 4)]
)
def test_units_that_are_no_numbering(units: Any) -> None:
    with pytest.raises(
        InputError, match=r"^layer fc1: units must be 4 rising integers in 0\.\.16777215, one for every"
    ):
        verify(numbered(units))


def test_ambiguous_names_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"^layer conv2: reads conv1 in groups, some of whose units were removed; keep"
    ):
        verify(image(groups=2))
    net = image()
    first = net.nodes[0]
    assert isinstance(first, Conv)
    second = replace(first, name="other", units=(1, 3))
    add = replace(net.nodes[1], other="other")  # type: ignore[call-arg]
    told = "layer add: reads conv1 and other, whose units have different numbers; remove the same units from both"
    with pytest.raises(InputError, match=f"^{told}$"):
        verify(replace(net, nodes=(first, second, add, *net.nodes[2:])))
    both = (replace(first, units=None), replace(first, name="other", units=(0, 1)))
    assert verify(replace(net, nodes=(*both, add, *net.nodes[2:]))), "all units are all units"


def test_keeping_some_outputs() -> None:
    assert isinstance(FC1, Linear)
    once = FC1.keeping(np.array([0, 2, 3]))
    assert once.units == (0, 2, 3) and once.weight.tolist() == FC1.weight[:, [0, 2, 3]].tolist()
    twice = once.keeping(np.array([1, 2]))
    assert twice.units == (2, 3) and twice.requant.mult.tolist() == [3, 4]
    assert FC1.keeping(np.array([0, 1])).units is None, "their places are their numbers"
