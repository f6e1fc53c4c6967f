"""Convolutional networks trained through converters compute what the compiled chip does, row cuts included."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from codesign.chip.description import Chip
from codesign.compiler import compile
from codesign.data import Dataset
from codesign.fixed import IntType
from codesign.frontend.prepare import prepare
from codesign.ir import Conv, Linear
from codesign.mapping import run
from codesign.train.layers import converters
from codesign.train.layers.edges import Edge
from codesign.train.layers.matrix import QuantLayer
from codesign.train.loop import fit
from codesign.train.recipe import Recipe
from codesign.train.trained import Trained

CHIP = Chip.parse(
    """
    name = "pictures"
    arrays = {count = 60, rows = 12, columns = 16}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 5, lanes = 4}
    memory = {input_words = 64, activation_words = 64, loads = 512}
    bus = {stream_bytes = 4}
    """
)
NETS: dict[str, dict[str, Any]] = {
    "lenet": {"model": "lenet", "channels": [5], "hidden": [9], "kernel": 3},
    "cifar_lenet": {"model": "cifar_lenet", "channels": [3, 4], "kernel": 3, "norm": True},
}


def pictures(channels: int) -> Dataset:
    """Three classes: noise, brighter in a corner of each."""
    rng = np.random.default_rng(channels)
    x, y = rng.integers(0, 200, (90, channels, 8, 8)), np.arange(90) % 3
    for k in range(3):
        x[y == k, :, 4 * (k % 2) :, 4 * (k // 2) :] += 40
    flat = x.reshape(90, -1).astype(np.uint8)
    return Dataset("pictures", flat[:60], y[:60], flat[60:], y[60:], 3, (channels, 8, 8))


def trained(net: str, channels: int, objective: str, **quantize: Any) -> Trained:
    tables = {
        "network": NETS[net],
        "quantize": {"converters": True, "input_bits": 4, "activation_bits": 3, **quantize},
        "train": {"epochs": 3, "batch": 20, "lr": 1e-2, "baseline": False, "seed": 2},
        "compile": {"objective": objective},
    }
    return fit(Recipe.model_validate(tables), pictures(channels), CHIP)


@pytest.mark.parametrize("objective", ["arrays", "cycles"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("net", NETS)
def test_training_computes_what_the_chip_does(
    net: str, channels: int, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trained(net, channels, objective)
    rng = torch.Generator().manual_seed(1)
    x = torch.randint(0, 16, (100, 64 * channels), generator=rng)
    y = found.model(x).numpy()
    held = [n for n in found.network.nodes if isinstance(n, Linear | Conv)]
    assert any(n.cut for n in held) == (objective == "arrays")
    tall = [n.name for n in held if n.source != "input" and n.cut + len(n.matrix) > CHIP.arrays.rows]
    assert tall[0] == held[1].name  # rows of a hidden picture lie in several arrays
    assert len(np.unique(y, axis=0)) > 10 and (y != found.network.run(x.numpy())).mean() > 0.3  # converters do cut
    program = compile(found.network, None, CHIP, objective=objective)
    assert (run(program.mapping, x.numpy()) == y).all()
    plain(monkeypatch)
    assert (found.model(x).numpy() != y).any()


@pytest.mark.parametrize(
    "quantize",
    [
        {"input_signed": True, "activation_signed": True},
        {"scale": "column", "bias": "grid"},
        {"input_bits": 1, "activation_bits": 1},
        {"slices": 2, "activation_range": [0, 5]},
    ],
    ids=str,
)
@pytest.mark.parametrize("net", NETS)
def test_with_every_option(net: str, quantize: dict[str, Any]) -> None:
    found = trained(net, 2, "arrays", **quantize)
    kind = found.network.input
    x = torch.randint(kind.lo, kind.hi + 1, (100, 128), generator=torch.Generator().manual_seed(1)).numpy()
    y = run(compile(found.network, None, CHIP, objective="arrays").mapping, x)
    assert (y == found.model.integers(x)).all() and len(np.unique(y, axis=0)) > 5


@pytest.mark.parametrize("channels", [1, 2])
def test_a_prepared_module_computes_what_the_chip_does(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(channels, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 4),
    )  # fmt: skip
    x = torch.rand(100, channels, 8, 8)
    ready = prepare(module, CHIP, x, input_bits=4, activation_bits=3, converters=True)
    optimizer = torch.optim.Adam(ready.parameters(), 1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(ready(x), torch.arange(100) % 4).backward()
        optimizer.step()
    with torch.no_grad():
        for layer in ready.net.chain:
            layer.converters.log_scale.fill_(1.3)  # type: ignore[union-attr]  # coarse: codes tell the arrays
    ready.eval()
    program = compile(ready, x, CHIP)
    inputs = program.quantize(x.numpy())
    y = run(program.mapping, inputs)
    assert (y == ready.net.integers(inputs)).all() and len(np.unique(y, axis=0)) > 10
    plain(monkeypatch)
    assert (y != ready.net.integers(inputs)).any()


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows cut in the order of the weights, which is not the chip's."""
    monkeypatch.setattr(converters, "_order", lambda source, window, is_input: None)


@pytest.mark.parametrize("layer", [0, 1])
def test_the_forward_pass_cuts_rows_as_the_integers_do(layer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for code, in the chip's order; the input's is that of the weights, a hidden picture's is another."""
    model = trained("cifar_lenet", 3, "arrays").model.eval()
    one = model.chain[layer]
    read, grid, kind = one.converters, one.grid, IntType(3)
    assert read is not None and grid is not None and read.cut == (0, 4)[layer]
    with torch.no_grad():
        read.log_scale.fill_(1.3)  # coarse: codes tell the arrays
    x = torch.randint(0, 8, (20, 3, 8, 8), generator=torch.Generator().manual_seed(2))
    sums = read.integers(x.numpy(), one.codes(), kind, grid, one.window, layer == 0)
    assert (sums == forward(one, x)).all()
    plain(monkeypatch)
    assert (sums != forward(one, x)).any() == (layer == 1)


def forward(layer: QuantLayer, x: torch.Tensor) -> np.ndarray:
    """Sums of codes in training."""
    assert layer.converters is not None
    trim = layer.converters.trim
    y = layer._product(Edge(x.float(), IntType(3), 1.0))
    return np.rint(y.detach().numpy() * trim.gain / 2**trim.shift)


@pytest.mark.parametrize("slices", ["free", {"conv1": 2, "fc1": "free"}], ids=str)
@pytest.mark.parametrize("through", [False, True], ids=["exact", "converters"])
def test_sliced_layers_compile(slices: Any, through: bool) -> None:
    found = trained("cifar_lenet", 3, "cycles", slices=slices, converters=through)
    held = [n for n in found.network.nodes if isinstance(n, Linear | Conv)]
    assert [n.slices for n in held] == ([2, 2, 2] if slices == "free" else [2, 1, 2])
    x = torch.randint(0, 16, (40, 192), generator=torch.Generator().manual_seed(1)).numpy()
    program = compile(found.network, None, CHIP)
    y = run(program.mapping, x, adc=False)
    assert (y == found.network.run(x)).all() and len(np.unique(y)) > 20
    if through:
        assert (run(program.mapping, x) == found.model.integers(x)).all()
