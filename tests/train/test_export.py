"""Equality 1: the exported network and the quantized model, on random integers, with ==."""

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.hardware import Device
from codesign.ir import run, verify
from codesign.train.export import export
from codesign.train.models import QuantNet, mlp

GRIDS = {
    "binary": Device(levels=2, code_bits=1),
    "four": Device(levels=4, code_bits=2),
    "coded": Device(levels=4, code_bits=8),
    "sixteen": Device(levels=16, code_bits=4),
    "resistance": Device(levels=4, code_bits=6, spacing="resistance", on_off_ratio=20),
    "table": Device(levels=3, code_bits=12, spacing="table", table=(0.1, 0.4, 1.0)),
}


def trained_a_little(grid: str, activation: IntType, input: IntType, reach: float | None = None) -> QuantNet:
    model = mlp((20, 12, 9, 4), GRIDS[grid].weights, activation, input, seed=5, reach=reach)
    rng = torch.Generator().manual_seed(11)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    for _ in range(8):
        x = torch.randint(input.lo, input.hi + 1, (32, 20), generator=rng)
        loss = torch.nn.functional.cross_entropy(model(x), torch.randint(0, 4, (32,), generator=rng))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model.eval()


@pytest.mark.parametrize(
    "input", [IntType(1), IntType(4), IntType(8), IntType(8, True), IntType(3, True), IntType(1, True)], ids=str
)
@pytest.mark.parametrize("activation", [IntType(1), IntType(4), IntType(8), IntType(5, True)], ids=str)
@pytest.mark.parametrize("grid", GRIDS)
def test_export_equals_model(grid: str, activation: IntType, input: IntType) -> None:
    model = trained_a_little(grid, activation, input)
    network = export(model, "net")
    assert verify(network) is network
    x = np.random.default_rng(2).integers(input.lo, input.hi, (200, 20), endpoint=True)
    y = run(network, x)
    assert (y == model(torch.from_numpy(x)).numpy()).all()
    assert len(np.unique(y)) > 2  # the network is not dead
    for node in network.nodes:
        assert node.weight.dtype == np.int32
        assert set(np.unique(node.weight).tolist()) <= set(GRIDS[grid].weights)


@pytest.mark.parametrize("grid", GRIDS)
def test_fixed_grid_models_export_what_the_cells_hold(grid: str) -> None:
    model = trained_a_little(grid, IntType(8), IntType(8), reach=0.3)
    held = model.chain[0].held
    assert held is not None
    network = export(model, "net")
    assert (network.nodes[0].weight == held.numpy().T).all()
    x = np.random.default_rng(2).integers(0, 255, (100, 20), endpoint=True)
    assert (run(network, x) == model(torch.from_numpy(x)).numpy()).all()


def test_non_finite_weights_are_refused() -> None:
    model = mlp((4, 3, 2), (-1, 0, 1), IntType(4), IntType(4))
    with torch.no_grad():
        model.chain[1].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"^layer fc2: weights, bias and scale must be finite, got NaN or infinity"):
        export(model, "net")


def test_shapes_names_and_step() -> None:
    network = export(mlp((4, 3, 2), (-1, 0, 1), IntType(4), IntType(8)), "net")
    assert [(n.name, n.source, n.weight.shape) for n in network.nodes] == [
        ("fc1", "input", (4, 3)),
        ("fc2", "fc1", (3, 2)),
    ]
    assert (network.name, network.features, network.input, network.step) == ("net", 4, IntType(8), 1 / 255)
