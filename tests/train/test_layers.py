"""Gradients, rounding and the integer side of the quantized layers."""

import math

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.fixed import INT32, IntType
from codesign.train.grid import Grid
from codesign.train.layers import QuantLinear, QuantReLU, span

TERNARY = Grid((-1, 0, 1))


def layer(
    weight: list[list[float]], reach: float = 1.0, grid: Grid = TERNARY, act: QuantReLU | None = None
) -> QuantLinear:
    made = QuantLinear("fc", torch.tensor(weight), grid, act)
    with torch.no_grad():
        made.reach.fill_(reach)
    return made


def test_weights_are_scale_times_grid() -> None:
    fc = layer([[0.9, -0.2, 0.3, -7.0]], reach=0.5)
    y = fc(torch.eye(4))
    assert y.flatten().tolist() == pytest.approx([0.5, 0.0, 0.5, -0.5])
    assert fc.codes().tolist() == [[1, 0, 1, -1]]


def test_gradient_passes_inside_the_range_only() -> None:
    fc = layer([[0.4, 1.5, -1.5, -0.1]])
    fc(torch.ones(1, 4)).sum().backward()
    assert fc.weight.grad is not None
    assert fc.weight.grad.tolist() == [[1.0, 0.0, 0.0, 1.0]]


def test_scale_gradient_is_lsq() -> None:
    # d(s q)/ds = q - w/s inside, q outside, damped by 1/sqrt(N * levels)
    fc = layer([[0.4, 0.9, 1.5, -2.0]], reach=1.0)
    g = torch.tensor([[1.0, 2.0, 3.0, 5.0]])
    fc(g).sum().backward()
    expected = (1 * (0 - 0.4) + 2 * (1 - 0.9) + 3 * 1 + 5 * -1) / math.sqrt(4 * 1)
    assert fc.reach.grad is not None
    assert fc.reach.grad.item() == pytest.approx(expected, rel=1e-5)


def test_a_wide_grid_trains_like_its_pitch() -> None:
    fine, coarse = (
        layer([[0.4, -0.8, 0.1]], 0.9, Grid(v)) for v in ((-3, -2, -1, 0, 1, 2, 3), tuple(range(-255, 256, 85)))
    )
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(fine(x), coarse(x), atol=1e-6)
    for fc in (fine, coarse):
        fc(x).square().sum().backward()
    assert fine.reach.grad is not None and coarse.reach.grad is not None
    assert fine.reach.grad.item() == pytest.approx(coarse.reach.grad.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "expected"), [(IntType(2), [0, 0, 0, 1, 2, 3]), (IntType(2, True), [-2, -1, 0, 1, 1, 1])]
)
def test_activation_rounds_halves_up_and_clamps(kind: IntType, expected: list[int]) -> None:
    act = QuantReLU(kind)
    with torch.no_grad():
        act.reach.fill_(span(kind))
    x = torch.tensor([[-2.6, -1.5, -0.5, 0.5, 1.5, 2.6]], requires_grad=True)
    y = act(x)
    assert torch.round(y / act.step).tolist() == [expected]
    y.sum().backward()
    inside = [float(kind.lo <= v <= kind.hi) for v in x[0].tolist()]
    assert x.grad is not None and x.grad.tolist() == [inside]


def test_activation_reach_is_learned() -> None:
    act = QuantReLU(IntType(4))
    act(torch.full((1, 3), 100.0)).sum().backward()  # all clipped: a larger reach raises the output
    assert act.reach.grad is not None and act.reach.grad.item() > 0
    with pytest.raises(InputError, match=r"activation: must have 1\.\.8 bits, got u9"):
        QuantReLU(IntType(9))


@pytest.mark.parametrize("kind", [IntType(1), IntType(4), IntType(8), IntType(1, True), IntType(8, True)])
def test_integers_follow_training_to_a_rounding_step(kind: IntType) -> None:
    rng = torch.Generator().manual_seed(3)
    act = QuantReLU(kind)
    fc = QuantLinear("fc", torch.randn(6, 10, generator=rng), Grid((-9, -4, -1, 0, 1, 4, 9)), act)
    with torch.no_grad():
        fc.bias.copy_(torch.randn(6, generator=rng))
    x = torch.randint(0, 16, (50, 10), generator=rng)
    real = fc(x.float() * 0.1).detach().numpy() / act.step
    whole = fc.integers(x.numpy(), 0.1)
    assert kind.holds(whole)
    assert np.abs(real - whole).max() < 1.01  # a tie may fall either way in float32
    assert (np.rint(real) == whole).mean() > 0.98


def test_last_layer_leaves_raw_accumulators_with_rounded_bias() -> None:
    fc = layer([[1.0, -1.0], [1.0, 1.0]], reach=0.5)
    with torch.no_grad():
        fc.bias.copy_(torch.tensor([0.127, -0.124]))  # 2.54 and -2.48 accumulator steps of 0.5 * 0.1
    q = fc.requant(0.1)
    assert (q.out, q.shift, q.mult.tolist(), q.bias.tolist()) == (INT32, 0, [1, 1], [3, -2])
    assert fc.integers(np.array([[7, 3]]), 0.1).tolist() == [[7, 8]]


@pytest.mark.parametrize("field", ["weight", "bias", "reach"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_numbers_are_refused_by_layer(field: str, bad: float) -> None:
    fc = layer([[1.0, 0.5]])
    with torch.no_grad():
        getattr(fc, field).view(-1)[0] = bad
    with pytest.raises(
        InputError, match=r"layer fc: weights, bias and scale must be finite, got NaN or infinity; train again"
    ):
        fc.requant(1.0)
