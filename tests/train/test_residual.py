"""Residual sums of raw accumulators: training computes what the exported network and the compiled chip do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from codesign.chip.description import Chip
from codesign.compiler import compile
from codesign.fixed import INT32, IntType
from codesign.ir import Add, Conv, Network, edges
from codesign.mapping import run
from codesign.mapping.run import layers as layers_of
from codesign.train.build import build
from codesign.train.export import export
from codesign.train.layers.edges import Edge, IntEdge, QuantReLU, Raw
from codesign.train.layers.pooling import QuantAdd
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.quantized import QuantNet
from codesign.train.recipe import Recipe

CHIP = Chip.parse(
    """
    name = "sums"
    arrays = {count = 120, rows = 12, columns = 16}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 5, lanes = 4}
    memory = {input_words = 64, activation_words = 64, loads = 1024, tiles = 128, steps = 64, constants = 512}
    bus = {stream_bytes = 4}
    """
)
SHAPE = (2, 8, 8)


def residual(turned: bool = False) -> Architecture:
    """ResNet's blocks at two widths, for pictures of 8x8. turned: sums name their shortcuts first."""
    layers = [replace(n, size=4, stride=4) if isinstance(n, arch.AvgPool) else n for n in arch.resnet((3, 5), 1, 3)]
    if turned:
        layers = [replace(n, source=n.other, other=n.source) if isinstance(n, arch.Add) else n for n in layers]
    return tuple(layers)


def trained(layers: Architecture, **quantize: Any) -> QuantNet:
    """A few steps on three classes: noise, brighter in a corner of each."""
    tables = {
        "network": {"model": "resnet", "channels": (3, 5), "blocks": 1},
        "quantize": {"input_bits": 4, "activation_bits": 6, **quantize},
        "compile": {"objective": "arrays"},
    }
    recipe = Recipe.model_validate(tables)
    model = build(recipe, layers, SHAPE, CHIP, torch.Generator())
    rng = torch.Generator().manual_seed(3)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    lo, hi = model.input.lo, model.input.hi
    for _ in range(12):
        y = torch.arange(30) % 3
        x = torch.randint(lo, hi, (30, *SHAPE), generator=rng)
        for k in range(3):
            x[y == k, :, 4 * (k % 2) :, 4 * (k // 2) :] += 1
        loss = torch.nn.functional.cross_entropy(model(x.flatten(1)), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model.eval()


def inputs(model: QuantNet, count: int = 60) -> np.ndarray:
    shape = (count, model.features)
    return np.random.default_rng(4).integers(model.input.lo, model.input.hi, shape, endpoint=True)


def check_varies(network: Network, found: dict[str, np.ndarray]) -> None:
    """No edge is the same for all images, and every sum sees both of its edges."""
    for node in network.nodes:
        assert len(np.unique(found[node.name], axis=0)) > 5, node.name
    for add in (n for n in network.nodes if isinstance(n, Add)):
        assert add.requant.mult.all() and add.other_mult.all() and add.requant.bias.any(), add.name


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scales per column": {"scale": "column", "bias": "grid"},
    "two slices": {"slices": 2},
    "three slices of one": {"slices": {"s1b1_conv2": 3, "conv1": 2}},
    "signed": {"input_signed": True, "activation_signed": True},
    "narrow": {"activation_bits": 3, "activation_range": "narrow", "activation_signed": True},
    "one bit": {"input_bits": 1, "activation_bits": 2},
    "fixed clip": {"activation_clip": 2.0},
}


TURNED = [pytest.param(False, id="source"), pytest.param(True, id="other", marks=pytest.mark.slow)]


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_without_converters(options: dict[str, Any], turned: bool) -> None:
    model = trained(residual(turned), **options)
    network, x = export(model, "net"), inputs(model)
    raw = {n.name for n in network.nodes[:-1] if n.scaling and n.scaling.is_raw}
    assert raw == {"s1b1_conv2", "s2b1_short" if turned else "s2b1_conv2"}
    scales = {layer.name: layer.scale.numel() for layer in model.chain}
    assert {scales[name] > 1 for name in raw} == {options.get("scale") == "column"}
    found = edges(network, x)
    check_varies(network, found)
    y = model.integers(x)
    assert (y == found["fc1"]).all()
    mapping = compile(network, None, CHIP, objective="arrays").mapping
    assert (run(mapping, x, adc=False) == y).all()


@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_through_converters(options: dict[str, Any], turned: bool) -> None:
    """Trims with a gain, cuts of the plan; the compiler's passes change nothing."""
    model = trained(residual(turned), converters=True, **options)
    with torch.no_grad():
        for k, layer in enumerate(model.chain):
            assert layer.converters is not None
            layer.converters.log_scale.fill_(1.3 + 0.2 * (k % 3))  # coarse: codes tell the arrays
    network, x = export(model, "net"), inputs(model)
    convs = {n.name: n for n in network.nodes if isinstance(n, Conv)}
    assert {n.trim.gain > 1 for n in convs.values() if n.trim} == {True} and any(n.cut for n in convs.values())
    mapping = compile(network, None, CHIP, objective="arrays").mapping
    found = layers_of(mapping, x)
    assert all(len(np.unique(v, axis=0)) > 5 for v in found.values())
    y = model.integers(x)
    assert (y == found["fc1"]).all()
    assert (y != network.run(x)).mean() > 0.3  # converters do cut
    assert (run(mapping, x, adc=False) == network.run(x)).all()


def test_a_range_that_overflows_drops_bits_of_both_terms() -> None:
    model = trained(residual(True), converters=True, input_signed=True, activation_signed=True)
    with torch.no_grad():
        for layer in model.chain:
            assert layer.converters is not None
            layer.converters.log_scale.fill_(1.7)
    network, x = export(model, "net"), inputs(model)
    mapping = compile(network, None, CHIP, objective="arrays").mapping
    step = next(s for s in mapping.steps if s.layer == "s2b1_short")
    (add,) = (n for n in network.nodes if n.name == "s2b1_add")
    assert isinstance(add, Add) and 0 < step.shift < add.requant.shift
    assert (run(mapping, x) == model.integers(x)).all()


@pytest.mark.parametrize("seed", range(4))
def test_both_terms_keep_the_precision_there_is(seed: int) -> None:
    """The sum of integers against that of real numbers; one shift more would overflow a register."""
    rng, channels = np.random.default_rng(seed), 6
    act = QuantReLU(IntType(8))
    with torch.no_grad():
        act.clip.fill_(rng.uniform(1, 8))
    add = QuantAdd("add", "a", "b", act)
    reserve = int(4 ** rng.integers(0, 3))
    raw = Raw(10 ** rng.uniform(-4, -2, channels), rng.uniform(-3, 3, channels), reserve=reserve)
    acc = rng.integers(-2000, 2000, (50, channels, 2, 2))
    x, y = IntEdge(acc, 1.0, INT32, raw), IntEdge(rng.integers(-128, 128, acc.shape), 0.03, IntType(8, True))
    exact = acc * raw.scale.reshape(-1, 1, 1) + raw.bias.reshape(-1, 1, 1) + y.value * y.scale
    for pair, turned in (((x, y), False), ((y, x), True)):
        q, other = add.constants(*pair)
        mults = (other, q.mult) if turned else (q.mult, other)
        assert abs(mults[0]).max() * reserve < 1 << 15 > abs(mults[1]).max()
        assert max(abs(mults[0]).max() * reserve, abs(mults[1]).max()) >= 1 << 14
        found = add.integers(*pair)
        slack = (abs(acc) + abs(y.value) + 1) / 2 / 2**q.shift + 0.5
        within = np.clip(exact / act.scale, 0, 255)
        assert found.raw is None and (abs(found.value - within) <= slack).all() and slack.max() < 1
        assert len(np.unique(found.value)) > 50


@pytest.mark.parametrize("turned", TURNED)
def test_training_adds_what_the_integers_do(turned: bool) -> None:
    """In floats, batch norm included: all but a few values that lie near the middle between two integers."""
    model = trained(residual(turned), activation_bits=8)
    x = torch.from_numpy(inputs(model)).reshape(-1, *SHAPE)
    real = {"input": Edge(x.float(), model.input, model.scale)}
    whole = {"input": IntEdge(x.numpy(), model.scale, model.input)}
    for layer in model.in_order:
        with torch.no_grad():
            real[layer.name] = layer(*(real[s] for s in layer.sources))
        whole[layer.name] = layer.integers(*(whole[s] for s in layer.sources))
        if isinstance(layer, QuantAdd):
            differs = abs(real[layer.name].value.numpy() - whole[layer.name].value)
            assert differs.max() <= 2 and (differs > 0).mean() < 0.05, layer.name
            assert len(np.unique(whole[layer.name].value)) > 50
