"""Equality 1: the exported network and the quantized model, on random integers, with ==, whatever the options."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, edges, run, verify
from codesign.mapping import place
from codesign.mapping import run as run_tiled
from codesign.train.export import export
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import QuantReLU
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.quantized import QuantNet, mlp, quantized

GRIDS = {
    "binary": Device(levels=2, code_bits=1),
    "four": Device(levels=4, code_bits=2),
    "coded": Device(levels=4, code_bits=8),
    "sixteen": Device(levels=16, code_bits=4),
    "resistance": Device(levels=4, code_bits=6, spacing="resistance", on_off_ratio=20),
    "table": Device(levels=3, code_bits=12, spacing="table", table=(0.1, 0.4, 1.0)),
}
SMALL: dict[str, tuple[Architecture, tuple[int, ...]]] = {
    "mlp": (arch.mlp((12, 9), 4), (20,)),
    "lenet": (arch.lenet((3, 5), (8,), 4), (1, 16, 16)),
    "cifar_lenet": (arch.cifar_lenet((3, 4), (), 4, norm=True), (3, 8, 8)),
    "resnet": (arch.resnet((4, 8, 8), 1, 4), (3, 32, 32)),
    "depthwise": (
        (
            arch.Conv("conv1", "input", 6, 3, stride=2, padding=1),
            arch.Conv("depth", "conv1", 6, 3, padding=1, groups=6),
            arch.Conv("point", "depth", 8, 1, groups=2),
            arch.MaxPool("pool", "point", 3, 2),
            arch.Linear("fc", "pool", 4, act=False),
        ),
        (2, 12, 12),
    ),
}


def train_a_little(model: QuantNet, steps: int) -> QuantNet:
    rng = torch.Generator().manual_seed(11)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    lo, hi = model.input.lo, model.input.hi
    for _ in range(steps):
        x = torch.randint(lo, hi + 1, (32, model.features), generator=rng)
        loss = torch.nn.functional.cross_entropy(model(x), torch.randint(0, 4, (32,), generator=rng))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model.eval()


def made(net: str = "mlp", grid: str = "binary", **options: Any) -> QuantNet:
    layers, shape = SMALL[net]
    values = Grid.sliced(GRIDS[grid].weights, options.pop("slices", 1), GRIDS[grid].levels)
    options = {"activation": IntType(8), "input": IntType(8)} | options
    steps = 2 if len(shape) == 3 else 8  # on random labels, convolutions soon give up and answer with their biases
    return train_a_little(quantized(layers, shape, values, seed=5, **options), steps)


def inputs(model: QuantNet, count: int = 200) -> np.ndarray:
    shape = (count, model.features)
    return np.random.default_rng(2).integers(model.input.lo, model.input.hi, shape, endpoint=True)


def equal(model: QuantNet, count: int = 200) -> None:
    network = export(model, "net")
    assert verify(network) is network
    x = inputs(model, count)
    y = run(network, x)
    assert (y == model(torch.from_numpy(x)).numpy()).all()
    assert len(np.unique(y)) > 2  # the network is not dead


INPUTS = [IntType(1), IntType(4), IntType(8), IntType(8, True), IntType(3, True), IntType(1, True)]
ACTIVATIONS = [IntType(1), IntType(4), IntType(8), IntType(5, True)]
TRIPLES = list(itertools.product(GRIDS, ACTIVATIONS, INPUTS))
QUICK = {(g, ACTIVATIONS[s % 4], INPUTS[(k + s) % 6]) for k, g in enumerate(GRIDS) for s in range(6)}


def test_the_quick_triples_hold_every_pair() -> None:
    for a, b in itertools.combinations(range(3), 2):
        assert {(t[a], t[b]) for t in QUICK} == {(t[a], t[b]) for t in TRIPLES}


@pytest.mark.parametrize(
    ("grid", "activation", "input"),
    [t if t in QUICK else pytest.param(*t, marks=pytest.mark.slow) for t in TRIPLES],
    ids=str,
)
def test_export_equals_model(grid: str, activation: IntType, input: IntType) -> None:
    model = made("mlp", grid, activation=activation, input=input)
    equal(model)
    for node in export(model, "net").nodes:
        assert isinstance(node, Linear) and node.weight.dtype == np.int32
        assert set(np.unique(node.weight).tolist()) <= set(GRIDS[grid].weights)


NARROW = [
    IntType(2, True, (-1, 1)),
    IntType(8, True, (-127, 127)),
    IntType(4, within=(0, 9)),
    IntType(4, within=(2, 9)),
    IntType(4, True, (-7, -2)),
]


CUT: list[dict[str, Any]] = [{}, {"bias_on_grid": True}, {"activation_clip": 2.0, "per_column": True}]


@pytest.mark.parametrize(
    ("net", "activation", "options"),
    [  # a residual network takes long: each range and each option, but not all pairs of them
        pytest.param(net, a, o, marks=pytest.mark.slow if net == "resnet" and k % 3 != j else ())
        for net in ("mlp", "lenet", "resnet")
        for k, a in enumerate(NARROW)
        for j, o in enumerate(CUT)
    ],
    ids=str,
)
def test_narrow_activations_export_what_they_compute(net: str, activation: IntType, options: dict[str, Any]) -> None:
    model = made(net, "four", activation=activation, summand=IntType(4, True, (-7, 7)), **options)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, QuantReLU):
                module.clip.fill_(0.2)  # so small that both ends of a range cut
    network, x = export(model, "net"), inputs(model, 20)
    found = edges(network, x)
    assert (found[network.nodes[-1].name] == model(torch.from_numpy(x)).numpy()).all()
    kinds = {str(network.type_of(n.name)) for n in network.nodes}
    assert kinds == {str(activation), "i32"} | ({"i4[-7..7]"} if net == "resnet" else set())
    ends = set()
    for node in network.nodes[:-1]:
        kind = network.type_of(node.name)
        assert kind.holds(found[node.name])
        if kind == activation:
            ends |= {kind.lo, kind.hi} & set(np.unique(found[node.name]).tolist())
    assert ends == {activation.lo, activation.hi}, "activations at both ends"


@pytest.mark.parametrize("net", ["lenet", "cifar_lenet", "resnet", "depthwise"])
@pytest.mark.parametrize("grid", ["binary", "table"])
def test_convolutions_pools_norms_and_sums_export_what_they_compute(net: str, grid: str) -> None:
    equal(made(net, grid), 40)


@pytest.mark.parametrize(
    "options",
    [
        {"per_column": True},
        {"bias_on_grid": True},
        {"activation_clip": 6.0},
        {"slices": 2},
        {"weight_clip": 0.3},
        {"per_column": True, "bias_on_grid": True, "slices": 3, "activation_clip": 2.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("net", ["mlp", "lenet", "resnet"])
def test_every_option_exports_what_it_computes(net: str, options: dict[str, Any]) -> None:
    equal(made(net, "four", **options), 40)


def test_node_kinds_and_names() -> None:
    kinds = [(type(n), n.name, n.sources) for n in export(made("lenet"), "net").nodes]
    assert kinds == [
        (Conv, "conv1", ("input",)),
        (MaxPool, "conv1_pool", ("conv1",)),
        (Conv, "conv2", ("conv1_pool",)),
        (MaxPool, "conv2_pool", ("conv2",)),
        (Linear, "fc1", ("conv2_pool",)),
        (Linear, "fc2", ("fc1",)),
    ]
    found = {type(n) for n in export(made("resnet"), "net").nodes}
    assert found == {Conv, Add, AvgPool, Linear}


CHIP = Chip.parse(
    """
    name = "through"
    arrays = {count = 40, rows = 8, columns = 16}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 4, lanes = 4}
    bus = {stream_bytes = 4}
    """
)


@pytest.mark.parametrize("kind", [IntType(8), IntType(4, True)], ids=str)
def test_converters_compute_what_the_chip_does(kind: IntType) -> None:
    """The tiled reference with 4-bit converters against the model trained through them, trims included."""

    def converters(name: str, last: bool) -> Converters:
        made = Converters(CHIP.arrays.rows, CHIP.adc.bits, last, CHIP.device.codes[-1])
        with torch.no_grad():
            made.log_scale.fill_(0.9 if last else 1.3)
        return made

    model = made("mlp", "four", activation=kind, input=kind, converters=converters)
    x = inputs(model)
    network = export(model, "net")
    y = run_tiled(place(network, CHIP), x)
    assert (y == model(torch.from_numpy(x)).numpy()).all()
    assert (y != run(network, x)).mean() > 0.5  # the converters do cut
    trims = [n.trim for n in network.nodes if isinstance(n, Linear)]
    assert all(t is not None and not t.is_identity for t in trims)
    assert [t.gain for t in trims if t is not None][-1] == 1
    model.train()
    with torch.no_grad():  # training's forward pass has the same codes: only float requantization lies between
        guesses = model(torch.from_numpy(x)).argmax(1).numpy()
    assert (guesses == y.argmax(1)).mean() > 0.95


@pytest.mark.parametrize(("rows", "blocks"), [(8, [6, 2]), (20, [3, 2]), (40, [2, 2])])
def test_convolutions_in_groups_through_converters(rows: int, blocks: list[int]) -> None:
    """Arrays cut the rows of every group as in training: blocks of several groups are used where none is cut."""
    memory = CHIP.memory.model_copy(update={"activation_words": 128, "input_words": 64, "loads": 512})
    arrays = CHIP.arrays.model_copy(update={"count": 90, "rows": rows})
    chip = CHIP.model_copy(update={"arrays": arrays, "memory": memory})

    def converters(name: str, last: bool) -> Converters:
        made = Converters(rows, chip.adc.bits, last, chip.device.codes[-1])
        with torch.no_grad():
            made.log_scale.fill_(0.9 if last else 1.3)
        return made

    model = made("depthwise", "four", converters=converters)
    x, network = inputs(model, 40), export(model, "net")
    mapping = place(network, chip)
    layers = [s.layer for s in mapping.steps]
    assert [layers.count(name) for name in ("depth", "point")] == blocks
    y = run_tiled(mapping, x)
    assert (y == model(torch.from_numpy(x)).numpy()).all()
    assert (y != run(network, x)).mean() > 0.5  # the converters do cut


@pytest.mark.parametrize("grid", GRIDS)
def test_fixed_grid_models_export_what_the_cells_hold(grid: str) -> None:
    model = made("mlp", grid, weight_clip=0.3)
    held = model.chain[0].held
    assert held is not None
    node = export(model, "net").nodes[0]
    assert isinstance(node, Linear) and (node.weight == held.numpy().T).all()


def test_non_finite_weights_are_refused() -> None:
    model = mlp((4, 3, 2), (-1, 0, 1), IntType(4), IntType(4))
    with torch.no_grad():
        model.chain[1].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"^layer fc2: weights, bias and scale must be finite, got NaN or infinity"):
        export(model, "net")


def test_shapes_names_and_step() -> None:
    network = export(mlp((4, 3, 2), (-1, 0, 1), IntType(4), IntType(8)), "net")
    assert [(n.name, n.source, n.weight.shape) for n in network.nodes if isinstance(n, Linear)] == [
        ("fc1", "input", (4, 3)),
        ("fc2", "fc1", (3, 2)),
    ]
    assert (network.name, network.features, network.input, network.step) == ("net", 4, IntType(8), 1 / 255)
    assert export(made("lenet"), "net").shape == (1, 16, 16)
