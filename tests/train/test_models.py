"""Whole networks: starts, twins, and what eval mode takes."""

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.train.models import float_mlp, mlp


def tensor(module: torch.nn.Module) -> torch.Tensor:
    """The weight of a linear layer, quantized or not."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return weight


def test_twins_start_alike_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(8), seed=7)
    torch.manual_seed(2)
    twin = float_mlp((8, 5, 3), seed=7)
    for name, layer in model.layers.items():
        assert torch.equal(tensor(layer), tensor(twin.get_submodule(name)))
    assert [n for n, _ in twin.named_children()] == ["fc1", "relu1", "fc2"]
    other = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(8), seed=8)
    assert not torch.equal(other.chain[0].weight, tensor(twin.get_submodule("fc1")))


def test_fixed_reach_starts_on_the_grid_and_cannot_learn_it() -> None:
    model = mlp((30, 5, 3), (-3, -2, -1, 0, 1, 2, 3), IntType(4), IntType(8), reach=0.3)
    for layer in model.chain:
        assert layer.held is not None and (layer.held * 0.1 - layer.weight).abs().max() < 1e-6
        assert layer.scale == pytest.approx(0.1)
        assert not layer.reach.requires_grad


def test_eval_returns_integers_training_returns_reals() -> None:
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(4, True), seed=7)
    x = torch.randint(-8, 8, (6, 8), generator=torch.Generator().manual_seed(0))
    assert model.train()(x).dtype == torch.float32
    assert model.eval()(x).dtype == torch.int64
    assert torch.equal(model(x), model(x.float()))  # whole numbers in any dtype


def test_quantize_rounds_and_clamps_real_inputs() -> None:
    model = mlp((4, 2), (-1, 0, 1), IntType(4), IntType(8))
    assert model.quantize(np.array([[0.0, 1.0, 2.0, 1.5 / 255]])).tolist() == [[0, 255, 255, 2]]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 7), r"model input: shape must be \(images, 8\), got \(3, 7\); flatten each image"),
        (torch.full((3, 8), 0.5), r"model input: must be whole numbers in 0\.\.15 \(u4\); call model\.quantize first"),
        (torch.full((3, 8), 16), r"whole numbers in 0\.\.15"),
        (torch.full((3, 8), float("nan")), r"whole numbers in 0\.\.15"),
    ],
)
def test_other_inputs_are_refused_in_eval(x: torch.Tensor, message: str) -> None:
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(4)).eval()
    with pytest.raises(InputError, match=message):
        model(x)
