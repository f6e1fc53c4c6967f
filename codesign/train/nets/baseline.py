"""The float twin of a quantized network: the same architecture in ordinary layers, from the same first weights."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.train.layers.matrix import BN_EPS
from codesign.train.layers.unfold import Window
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture, Shape


def seeded(seed: int) -> torch.Generator:
    """What both twins draw their first weights from."""
    return torch.Generator().manual_seed(seed)


def matrix(
    spec: arch.Dense | arch.Conv, source: Shape, rng: torch.Generator, reach: float | None
) -> tuple[Tensor, Window | None, int, bool]:
    """First weights (outputs first), window, pooling and batch norm of a layer; He normal unless `reach` is given."""
    if isinstance(spec, arch.Dense):
        size: tuple[int, ...] = (spec.outputs, int(np.prod(source)))
        window, pool, norm = None, 1, False
    else:
        size = (spec.outputs, source[0] // spec.groups, spec.kernel, spec.kernel)
        window, pool, norm = Window(spec.kernel, spec.stride, spec.padding, spec.groups), spec.pool, spec.norm
    inputs = int(np.prod(size[1:]))
    return torch.randn(size, generator=rng) * (reach if reach is not None else (2 / inputs) ** 0.5), window, pool, norm


class _Sum(nn.Module):
    """Residual sum and ReLU."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return functional.relu(x + y)


class _Graph(nn.Module):
    """Float layers that read any earlier ones."""

    def __init__(self, parts: "OrderedDict[str, nn.Module]", sources: dict[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.layers, self.sources = nn.ModuleDict(parts), sources

    def forward(self, x: Tensor) -> Tensor:
        edges = {"input": x}
        for name, layer in self.layers.items():
            edges[name] = layer(*(edges[s] for s in self.sources[name]))
        return edges[name]


def float_twin(architecture: Architecture, shape: Shape, *, seed: int = 0) -> nn.Module:
    """The architecture in ordinary layers, He normal. Takes real rows (images, features).

    Chains become an nn.Sequential, others a graph. Pooling comes before the ReLU, as in the quantized twin.
    """
    rng, found = seeded(seed), arch.shapes(architecture, shape)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    sources: dict[str, tuple[str, ...]] = {}
    flat = len(shape) == 1
    if not flat:
        parts["image"] = nn.Unflatten(1, shape)
        sources["image"] = ("input",)
    for spec in architecture:
        source = "image" if spec.source == "input" and not flat else spec.source
        sources[spec.name] = (source, spec.other) if isinstance(spec, arch.Add) else (source,)
        block: OrderedDict[str, nn.Module] = OrderedDict()
        if isinstance(spec, arch.MaxPool):
            block[spec.name] = nn.MaxPool2d(spec.size, spec.stride)
        elif isinstance(spec, arch.AvgPool):
            block[spec.name] = nn.AvgPool2d(spec.size, spec.stride)
        elif isinstance(spec, arch.Add):
            block[spec.name] = _Sum()
        else:
            if isinstance(spec, arch.Dense) and len(found[spec.source]) == 3:
                block[f"flat_{spec.name}"] = nn.Flatten()
            block |= _block(spec, found[spec.source], rng, last=spec is architecture[-1])
        if any(isinstance(s, arch.Add) for s in architecture):
            parts[spec.name] = nn.Sequential(block) if len(block) > 1 else next(iter(block.values()))
        else:
            parts |= block
    return _Graph(parts, sources) if any(isinstance(s, arch.Add) for s in architecture) else nn.Sequential(parts)


def _block(
    spec: arch.Dense | arch.Conv, source: Shape, rng: torch.Generator, last: bool
) -> "OrderedDict[str, nn.Module]":
    w, window, pool, norm = matrix(spec, source, rng, None)
    layer: nn.Module
    if window is None:
        layer = nn.utils.skip_init(nn.Linear, w.shape[1], w.shape[0])  # type: ignore[no-untyped-call]
    else:
        k, s, p, g = window.kernel, window.stride, window.padding, window.groups
        layer = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Conv2d, source[0], w.shape[0], k, stride=s, padding=p, groups=g, bias=not norm
        )
    with torch.no_grad():
        layer.weight.copy_(w)  # type: ignore[operator]
        if layer.bias is not None:
            layer.bias.zero_()  # type: ignore[operator]
    block: OrderedDict[str, nn.Module] = OrderedDict({spec.name: layer})
    if pool > 1:
        block[f"{spec.name}_pool"] = nn.MaxPool2d(pool)
    if norm:
        block[f"{spec.name}_norm"] = nn.BatchNorm2d(len(w), eps=BN_EPS)
    if spec.act and not last:
        block[f"{spec.name}_relu"] = nn.ReLU()
    return block


def float_mlp(sizes: Sequence[int], *, seed: int = 0) -> nn.Sequential:
    """The float twin of `mlp`: nn.Linear and nn.ReLU, He normal from the same seed. Takes real inputs."""
    twin = float_twin(arch.mlp(sizes[1:-1], sizes[-1]), (sizes[0],), seed=seed)
    assert isinstance(twin, nn.Sequential)
    return twin
