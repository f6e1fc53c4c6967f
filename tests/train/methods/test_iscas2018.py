"""The paper's update rule: shadow, cells, rejection, escape."""

import pytest
import torch

from codesign.fixed import IntType
from codesign.train.layers.edges import Edge
from codesign.train.methods.iscas2018 import Deployment
from codesign.train.nets.quantized import QuantNet, mlp


def worse() -> float:
    """The loss of a proposal that nobody would take."""
    return 1.0


def better() -> float:
    return -1.0


def moved() -> tuple[QuantNet, list[torch.Tensor]]:
    """A model whose shadow has left its cells, and what the cells held."""
    model = mlp((6, 5, 3), (-3, -2, -1, 0, 1, 2, 3), IntType(8), IntType(8), seed=1, weight_clip=0.3)
    held = [layer.held.clone() for layer in model.chain if layer.held is not None]
    with torch.no_grad():
        for layer in model.chain:
            layer.weight.add_(0.25 * torch.ones_like(layer.weight))
    return model, held


def test_shadow_is_clipped_and_nearest_levels_deployed() -> None:
    model, held = moved()
    assert Deployment(model, reject=False, patience=16).step(0.0, worse)
    for layer, before in zip(model.chain, held, strict=True):
        assert layer.weight.abs().max() <= 0.3 + 1e-6
        assert torch.equal(layer.codes(), layer.proposal())
        assert not torch.equal(layer.codes(), before.long())


def test_rejection_takes_cells_back_and_keeps_the_shadow() -> None:
    model, held = moved()
    assert not Deployment(model, reject=True, patience=16).step(0.0, worse)
    for layer, before in zip(model.chain, held, strict=True):
        assert torch.equal(layer.codes(), before.long())
        assert not torch.equal(layer.proposal(), before.long())
    assert Deployment(model, reject=True, patience=16).step(0.0, better)


def test_after_some_refusals_a_proposal_is_taken() -> None:
    model, _ = moved()
    deployment = Deployment(model, reject=True, patience=3)
    taken = [deployment.step(0.0, worse) for _ in range(8)]
    assert [k for k, t in enumerate(taken) if t] == [3, 7]


def test_without_patience_a_net_can_freeze() -> None:
    model, held = moved()
    deployment = Deployment(model, reject=True, patience=0)
    assert not any(deployment.step(0.0, worse) for _ in range(100))
    assert all(torch.equal(layer.codes(), before.long()) for layer, before in zip(model.chain, held, strict=True))


def test_gradient_is_taken_at_the_cells_and_reaches_the_shadow() -> None:
    model, held = moved()
    fc = model.chain[-1]
    x = Edge(torch.ones(1, 5), IntType(8), 1.0)
    assert fc(x).value.flatten().tolist() == pytest.approx((held[-1].sum(1) * 0.1).tolist(), abs=1e-5)
    fc(x).value.sum().backward()
    assert fc.weight.grad is not None and torch.allclose(fc.weight.grad, torch.ones_like(fc.weight))
