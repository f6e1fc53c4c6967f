"""The full-precision baseline of a quantized network: ordinary layers, the same architecture and initial weights."""

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from codesign.ir.geometry import Shape
from codesign.train.layers.matrix import BN_EPS
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.kinds import MAKERS


def seeded(seed: int) -> torch.Generator:
    """The generator from which the quantized net and its baseline draw their initial weights."""
    return torch.Generator().manual_seed(seed)


def matrix(
    spec: arch.Linear | arch.Conv, source: Shape, rng: torch.Generator, deviation: float | None = None
) -> Tensor:
    """Initial weights of a layer, outputs first: normal, with He's standard deviation unless `deviation` is given."""
    form = (source[0] // spec.groups, *spec.window.size) if isinstance(spec, arch.Conv) else (math.prod(source),)
    deviation = deviation if deviation is not None else (2 / math.prod(form)) ** 0.5
    return torch.randn((spec.outputs, *form), generator=rng) * deviation


class _Graph(nn.Module):
    """Layers that may read any earlier ones."""

    def __init__(self, parts: "OrderedDict[str, nn.Module]", sources: dict[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.layers, self.sources = nn.ModuleDict(parts), sources

    def forward(self, x: Tensor) -> Tensor:
        edges = {"input": x}
        for name, layer in self.layers.items():
            edges[name] = layer(*(edges[s] for s in self.sources[name]))
        return edges[name]


def baseline_of(architecture: Architecture, shape: Shape, *, seed: int = 0) -> nn.Module:
    """The architecture in ordinary layers with He normal weights. Takes real inputs (images, features).

    A chain becomes an nn.Sequential. Pooling comes before the ReLU, as in the quantized net.
    """
    rng, found = seeded(seed), arch.shapes(architecture, shape)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    sources: dict[str, tuple[str, ...]] = {}
    flat, graph = len(shape) == 1, any(len(spec.sources) > 1 for spec in architecture)
    if not flat:
        parts["image"] = nn.Unflatten(1, shape)
        sources["image"] = ("input",)
    for spec in architecture:
        source = "image" if spec.source == "input" and not flat else spec.source
        sources[spec.name] = (source, *spec.sources[1:])
        block: OrderedDict[str, nn.Module] = OrderedDict()
        if not isinstance(spec, arch.Linear | arch.Conv):
            block[spec.name] = MAKERS[type(spec)].baseline(spec)
        else:
            if isinstance(spec, arch.Linear) and len(found[spec.source]) == 3:
                block[f"flat_{spec.name}"] = nn.Flatten()
            block |= _block(spec, found[spec.source], rng, last=spec is architecture[-1])
        if graph:
            parts[spec.name] = nn.Sequential(block) if len(block) > 1 else next(iter(block.values()))
        else:
            parts |= block
    return _Graph(parts, sources) if graph else nn.Sequential(parts)


def _block(
    spec: arch.Linear | arch.Conv, source: Shape, rng: torch.Generator, last: bool
) -> "OrderedDict[str, nn.Module]":
    w = matrix(spec, source, rng)
    norm, pool = (spec.norm, spec.pooling) if isinstance(spec, arch.Conv) else (False, None)
    layer: nn.Module
    if isinstance(spec, arch.Linear):
        layer = nn.utils.skip_init(nn.Linear, w.shape[1], w.shape[0])  # type: ignore[no-untyped-call]
    else:
        size, s, p, g = spec.window.size, spec.window.stride, spec.window.padding, spec.groups
        layer = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Conv2d, source[0], w.shape[0], size, stride=s, padding=p, groups=g, bias=not norm
        )
    with torch.no_grad():
        layer.weight.copy_(w)  # type: ignore[operator]
        if layer.bias is not None:
            layer.bias.zero_()  # type: ignore[operator]
    block: OrderedDict[str, nn.Module] = OrderedDict({spec.name: layer})
    if pool is not None:
        block[pool.name] = MAKERS[type(pool)].baseline(pool)
    if norm:
        block[f"{spec.name}_norm"] = nn.BatchNorm2d(len(w), eps=BN_EPS)
    if spec.act and not last:
        block[f"{spec.name}_relu"] = nn.ReLU()
    return block


def float_mlp(sizes: Sequence[int], *, seed: int = 0) -> nn.Sequential:
    """The baseline of `mlp`: nn.Linear and nn.ReLU, with He normal weights from the same seed. Takes real inputs."""
    made = baseline_of(arch.mlp(sizes[1:-1], sizes[-1]), (sizes[0],), seed=seed)
    assert isinstance(made, nn.Sequential)
    return made
