"""The paper's update rule: shadow, cells, rejection, escape."""

import pytest
import torch

from codesign.fixed import IntType
from codesign.train import iscas2018
from codesign.train.iscas2018 import Deployment
from codesign.train.models import QuantNet, mlp

X = torch.randint(0, 256, (16, 6), generator=torch.Generator().manual_seed(0)).float()
Y = torch.arange(16) % 3


def moved() -> tuple[QuantNet, list[torch.Tensor]]:
    """A model whose shadow has left its cells, and what the cells held."""
    model = mlp((6, 5, 3), (-3, -2, -1, 0, 1, 2, 3), IntType(8), IntType(8), seed=1, reach=0.3)
    held = [layer.held.clone() for layer in model.chain if layer.held is not None]
    with torch.no_grad():
        for layer in model.chain:
            layer.weight.add_(0.25 * torch.ones_like(layer.weight))
    return model, held


def test_shadow_is_clipped_and_nearest_levels_deployed() -> None:
    model, held = moved()
    assert Deployment(model, reject=False).step(X, Y, -1.0)
    for layer, before in zip(model.chain, held, strict=True):
        assert layer.weight.abs().max() <= 0.3 + 1e-6
        assert torch.equal(layer.codes(), layer.proposal())
        assert not torch.equal(layer.codes(), before.long())


def test_rejection_takes_cells_back_and_keeps_the_shadow() -> None:
    model, held = moved()
    assert not Deployment(model, reject=True).step(X, Y, -1.0)  # no loss is below -1: always worse
    for layer, before in zip(model.chain, held, strict=True):
        assert torch.equal(layer.codes(), before.long())
        assert not torch.equal(layer.proposal(), before.long())
    assert Deployment(model, reject=True).step(X, Y, 1e9)


def test_after_some_refusals_a_proposal_is_taken() -> None:
    model, _ = moved()
    deployment = Deployment(model, reject=True)
    taken = [deployment.step(X, Y, -1.0) for _ in range(2 * iscas2018.PATIENCE + 2)]
    assert [k for k, t in enumerate(taken) if t] == [iscas2018.PATIENCE, 2 * iscas2018.PATIENCE + 1]


def test_gradient_is_taken_at_the_cells_and_reaches_the_shadow() -> None:
    model, held = moved()
    fc = model.chain[-1]
    x = torch.ones(1, 5)
    assert fc(x).flatten().tolist() == pytest.approx((held[-1].sum(1) * 0.1).tolist(), abs=1e-5)
    fc(x).sum().backward()
    assert fc.weight.grad is not None and torch.equal(fc.weight.grad, torch.ones_like(fc.weight))
