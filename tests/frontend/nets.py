"""Ordinary modules as people write them, with statistics and signs that show a wrong fold."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from codesign.frontend.graph import Graph, Real
from codesign.frontend.run import values
from codesign.frontend.trace import trace

Net = TypeVar("Net", bound=nn.Module)


def lively(module: Net, seed: int = 0) -> Net:
    """Batch norms as training could leave them: no statistic at its default, gains of both signs."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.running_mean is not None:
            part.running_mean.copy_(torch.randn(part.num_features, generator=generator))
            part.running_var.copy_(torch.rand(part.num_features, generator=generator) + 0.2)
            if part.affine:
                with torch.no_grad():
                    part.weight.copy_(torch.randn(part.num_features, generator=generator))
                    part.bias.copy_(torch.randn(part.num_features, generator=generator))
    return module


def drawn(*shape: int, seed: int = 1) -> Tensor:
    """Inputs (images, ...) of both signs."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2 + 0.3


def expected(module: nn.Module, x: Tensor, find: Any = None) -> Real:
    """The module's own outputs in float64, in eval mode; find: which of its results."""
    twin = module.eval().double()
    with torch.no_grad():
        y = twin(x.double())
    module.float()
    return np.asarray(y if find is None else find(y))


def same(module: nn.Module, *shape: int, find: Any = None, tail: Any = None) -> Graph:
    """The graph of a module that takes inputs (images, *shape), equal to it on other inputs than those of the trace."""
    torch.manual_seed(0)
    graph = trace(module, drawn(2, *shape))
    x = drawn(16, *shape, seed=2)
    want = expected(module, x, find)
    got = values(graph, x.numpy())[graph.ops[-1].name]
    if tail is not None:
        got = tail(torch.from_numpy(got)).numpy()
    assert want.std(0).min() > 0, "the outputs depend on the inputs"
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * np.abs(want).max())
    return graph
