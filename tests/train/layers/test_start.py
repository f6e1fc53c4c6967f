"""Where quantized layers start from: the real layer, as near as grid and converters allow."""

import pytest
import torch
from torch import nn

from codesign.fixed import IntType
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import Edge
from codesign.train.layers.grid import Grid
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.start import NormStart, fit_converters, hold

FINE, TERNARY = Grid(tuple(range(-127, 128))), Grid((-1, 0, 1))
U8 = IntType(8)
RNG = torch.Generator().manual_seed(3)


def edge(inputs: int, count: int = 50) -> Edge:
    return Edge(torch.randint(0, 256, (count, inputs), generator=RNG).float(), U8, 1 / 255)


def test_a_norm_starts_with_its_statistics() -> None:
    """Its eps, a bias before it and negative gains included, before any mean is corrected."""
    real, norm = nn.Linear(12, 6), nn.BatchNorm1d(6, eps=0.3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -1.0, 0.5, -2.0, 1.5, 1.0]))
        norm.bias.normal_(generator=RNG)
        real.bias.normal_(generator=RNG)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.normal_(generator=RNG)
    norm.running_var.uniform_(0.1, 0.5, generator=RNG)
    layer = QuantLayer("a", "input", real.weight.detach().clone(), FINE, None, norm=True).eval()
    hold(
        layer,
        real.weight,
        real.bias,
        NormStart(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps),
    )
    x = edge(12)
    with torch.no_grad():
        exact, found = norm.eval()(real(x.value / 255)), layer(x).value
        assert (exact - found).abs().max() < 0.02 * exact.abs().max()
        batch = layer.train()(x).value, norm.train()(real(x.value / 255))
    assert torch.allclose(*batch, atol=0.05)


@pytest.mark.parametrize("last", [False, True])
def test_converters_start_where_they_cost_least(last: bool) -> None:
    layer = QuantLayer("a", "input", torch.randn(8, 128, generator=RNG), TERNARY, None).eval()
    layer.converters = Converters(128, 3, last)
    x = edge(128)
    fit_converters(layer, x)
    chosen = layer.converters.log_scale.item()
    assert chosen >= 1, "at 0 most currents clip"

    @torch.no_grad()
    def error(log: float) -> float:
        assert layer.converters is not None
        layer.converters.log_scale.fill_(log)
        few = x._replace(value=x.value[:32])
        found = layer(few).value
        kept, layer.converters = layer.converters, None
        exact = layer(few).value
        layer.converters = kept
        return float((found - exact).square().sum())

    assert error(chosen) <= min(error(k / (1 if last else 2)) for k in range(9 if last else 17))
