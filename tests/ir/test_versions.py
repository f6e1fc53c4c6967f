"""Every version of the network file: what it holds, that it loads, that the lowest that serves is written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.fixed import IntType, Trim
from codesign.ir import Conv, Network, load, run, save, show
from tests.ir.network_files import described, message, rewrite
from tests.ir.networks import linear, raw, residual, toy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(toy(), tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


TRIMMED = toy(nodes=tuple(replace(n, trim=Trim(1, k)) for k, n in enumerate(toy().nodes)))
FIRST, SECOND, *REST = residual().nodes
SUMMED = residual(nodes=(FIRST, replace(SECOND, requant=raw(4)), *REST))


@pytest.mark.parametrize(
    "network",
    [residual(), toy(shape=(5, 1, 1)), TRIMMED, SUMMED],
    ids=["residual", "image", "trims", "accumulators that enter a sum"],
)
def test_round_trip_of_version_2(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(network, path)
    assert described(path)["schema"] == "codesign-network/2"
    back = load(path)
    x = np.random.default_rng(0).integers(0, network.input.hi + 1, (20, network.features))
    assert show(back) == show(network) and (run(back, x) == run(network, x)).all()
    assert back.shape == network.shape
    assert [type(n) for n in back.nodes] == [type(n) for n in network.nodes]
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


def test_version_1_stays_as_it_was(file: Path) -> None:
    """Files of plain linear networks can be read by whoever knows version 1 only."""
    assert described(file) == {
        "schema": "codesign-network/1",
        "name": "toy",
        "features": 5,
        "input": [4, True],
        "step": 0.25,
        "layers": [
            {"kind": "linear", "name": "fc1", "source": "input", "shift": 1, "out": [4, False]},
            {"kind": "linear", "name": "fc2", "source": "fc1", "shift": 0, "out": [32, True]},
        ],
    }


def test_version_2_is_readable(tmp_path: Path) -> None:
    save(residual(), tmp_path / "a")
    text = described(tmp_path / "a")
    assert text["shape"] == [2, 4, 4]
    assert text["layers"][1:4] == [
        {
            "kind": "conv",
            "name": "conv2",
            "source": "conv1",
            "shift": 4,
            "out": [5, True],
            "stride": 1,
            "padding": 1,
            "groups": 4,
        },
        {"kind": "add", "name": "add", "source": "conv1", "other": "conv2", "shift": 2, "out": [4, False]},
        {"kind": "maxpool", "name": "pool", "source": "add", "size": 2, "stride": 2},
    ]
    assert text["layers"][5]["kind"] == "avgpool" and text["layers"][5]["size"] == 2
    save(TRIMMED, tmp_path / "b")
    assert [n["trim"] for n in described(tmp_path / "b")["layers"]] == [[1, 0], [1, 1]]


NARROW = residual(
    nodes=tuple(
        replace(n, requant=replace(n.requant, out=IntType(5, True, (-7, 7)))) if isinstance(n, Conv) else n
        for n in residual().nodes
    )
)
FEW = toy(input=IntType(4, True, (-7, 7)))


@pytest.mark.parametrize("network", [NARROW, FEW], ids=["activations", "inputs"])
def test_round_trip_of_version_3(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(network, path)
    assert described(path)["schema"] == "codesign-network/3"
    back = load(path)
    x = np.random.default_rng(0).integers(network.input.lo, network.input.hi + 1, (20, network.features))
    assert show(back) == show(network) and (run(back, x) == run(network, x)).all()
    assert back.input == network.input and [back.type_of(n.name) for n in back.nodes] == [
        network.type_of(n.name) for n in network.nodes
    ]
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


OBLONG = residual(
    nodes=(
        *(replace(n, stride=(2, 1)) if n.name == "pool" else n for n in residual().nodes[:4]),
        linear("fc", "pool", 24, 3, raw(3, [5, 0, -5]), seed=3),
    )
)
WORTH = toy(scales=(0.5,), offset=(1.0, -2.0, 0.0, 3.5, 1e-3), output_step=0.125)


@pytest.mark.parametrize("network", [OBLONG, WORTH, toy(output_step=0.1), toy(offset=(3.0,))], ids=range(4))
def test_round_trip_of_version_4(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(network, path)
    assert described(path)["schema"] == "codesign-network/4"
    back = load(path)
    assert show(back) == show(network)
    for field in ("scales", "offset", "output_step", "step"):
        assert getattr(back, field) == getattr(network, field)
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


SLICED = toy(nodes=(replace(toy().nodes[0], slices=3, trim=Trim(3, 2), cut=6), replace(toy().nodes[1], slices=2)))
PADDED = residual(
    nodes=(
        *(replace(n, padding=1, stride=3) if n.name == "pool" else n for n in residual().nodes[:4]),
        linear("fc", "pool", 16, 3, raw(3, [5, 0, -5]), seed=3),
    )
)
ONE_SLICED = toy(nodes=(toy().nodes[0], replace(toy().nodes[1], slices=2)))
ONE_CUT = toy(nodes=(toy().nodes[0], replace(toy().nodes[1], trim=Trim(), cut=1)))


@pytest.mark.parametrize("network", [SLICED, PADDED, ONE_CUT], ids=["slices", "padding", "cut"])
def test_round_trip_of_version_5(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(network, path)
    assert described(path)["schema"] == "codesign-network/5"
    back = load(path)
    x = np.random.default_rng(0).integers(0, network.input.hi + 1, (20, network.features))
    assert show(back) == show(network) and (run(back, x) == run(network, x)).all()
    for field in ("slices", "cut", "padding"):
        assert [getattr(n, field, None) for n in back.nodes] == [getattr(n, field, None) for n in network.nodes]
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


def test_version_5_is_readable(tmp_path: Path) -> None:
    """What has its default is left out."""
    save(SLICED, tmp_path / "a")
    out = [[4, False, 0, 15], [32, True, -(2**31), 2**31 - 1]]
    assert described(tmp_path / "a")["layers"] == [
        {
            "kind": "linear",
            "name": "fc1",
            "source": "input",
            "shift": 1,
            "out": out[0],
            "trim": [3, 2],
            "slices": 3,
            "cut": 6,
        },
        {"kind": "linear", "name": "fc2", "source": "fc1", "shift": 0, "out": out[1], "slices": 2},
    ]
    save(PADDED, tmp_path / "b")
    pool = {"kind": "maxpool", "name": "pool", "source": "add", "size": [2, 2], "stride": [3, 3], "padding": [1, 1]}
    assert described(tmp_path / "b")["layers"][3] == pool


@pytest.mark.parametrize(
    ("network", "at", "field"), [(ONE_SLICED, 1, "slices"), (ONE_CUT, 1, "cut"), (PADDED, 3, "padding")]
)
def test_version_4_has_neither(network: Network, at: int, field: str, tmp_path: Path) -> None:
    """An older file with such a field is refused, rather than read without it."""
    path = tmp_path / "a.safetensors"
    save(network, path)
    rewrite(path, schema="codesign-network/4")
    assert f"layers.{at}.{network.nodes[at].kind}.{field}: extra inputs are not permitted" in message(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"slices": 1.0}, "(layers.0.linear.slices: input should be a valid integer)"),
        ({"slices": -1}, "(layers.0.linear.slices: input should be greater than or equal to 0)"),
        ({"cut": None}, "(layers.0.linear.cut: input should be a valid integer)"),
    ],
)
def test_a_crafted_version_5_is_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(SLICED, path)
    layers = described(path)["layers"]
    rewrite(path, layers=[layers[0] | changes, layers[1]])
    assert told in message(path) and message(path).endswith("; export it again")


def test_version_3_is_readable(tmp_path: Path) -> None:
    save(NARROW, tmp_path / "a")
    text = described(tmp_path / "a")
    assert text["input"] == [4, False, 0, 15]
    assert [n.get("out") for n in text["layers"]] == [
        [5, True, -7, 7],
        [5, True, -7, 7],
        [4, False, 0, 15],
        None,
        [5, True, -7, 7],
        [4, False, 0, 15],
        [32, True, -(2**31), 2**31 - 1],
    ]


@pytest.mark.parametrize("network", [toy(), residual()], ids=["1", "2"])
def test_older_versions_load_with_the_whole_type(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(network, path)
    back = load(path)
    kinds = [back.input, *(back.type_of(n.name) for n in back.nodes)]
    assert all(k.within is None and (k.lo, k.hi) == k.limits for k in kinds)


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ([4, True], "(layers.0.linear.out.2: field required)"),
        ([4, True, 0, 1, 2], "(layers.0.linear.out: tuple should have at most 4 items"),
        ([4, True, 0, 1.0], "(layers.0.linear.out.3: input should be a valid integer)"),
        ([4, True, None, None], "(layers.0.linear.out.2: input should be a valid integer)"),
        ([4, True, 1, -1], "(integer type: range of i4 must be integers lo..hi, lo <= hi, in -8..7, got 1..-1)"),
        ([4, True, -9, 7], "(integer type: range of i4 must be integers lo..hi, lo <= hi, in -8..7, got -9..7)"),
        ([4, False, 0, 16], "(integer type: range of u4 must be integers lo..hi, lo <= hi, in 0..15, got 0..16)"),
    ],
)
def test_a_crafted_range_is_refused(out: list[Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(FEW, path)
    layers = described(path)["layers"]
    rewrite(path, layers=[layers[0] | {"out": out}, layers[1]])
    assert told in message(path) and message(path).endswith("; export it again")


@pytest.mark.parametrize("version", [1, 2])
def test_older_versions_have_no_ranges(version: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(FEW, path)
    rewrite(path, schema=f"codesign-network/{version}")
    assert "(input: tuple should have at most 2 items after validation, not 4)" in message(path)
