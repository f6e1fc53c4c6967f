"""Networks of quantized layers, built from an architecture and a seed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codesign.data import Scaling
from codesign.errors import InputError
from codesign.fixed import Ints, IntType
from codesign.ir.geometry import Shape
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import Edge, IntEdge, QuantModule, QuantReLU, span
from codesign.train.layers.grid import Grid
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.noise import CellNoise
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.baseline import matrix, seeded
from codesign.train.nets.kinds import MAKERS

BATCH = 512  # images at once in evaluation


class QuantNet(nn.Module):
    """Quantized layers on integer inputs of type `input` and real value `scale` each; the last one is the output.

    Takes (images, features) integers in any dtype, row-major if an image has a `shape`. Training mode returns
    real logits (float32, differentiable). Eval mode returns the integers that the chip will return (int64), bit for
    bit, unless some layer keeps real weights.
    """

    def __init__(self, layers: Sequence[QuantModule], input: IntType, scale: float, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({layer.name: layer for layer in layers})
        self.input, self.scale, self.shape = input, scale, shape
        self.worth: Scaling | None = None  # of input integers in the units of the data; absent: `scale` each

    @property
    def in_order(self) -> list[QuantModule]:
        """All layers in execution order."""
        return [layer for layer in self.layers.values() if isinstance(layer, QuantModule)]

    @property
    def chain(self) -> list[QuantLayer]:
        """The layers with cells, in execution order."""
        return [layer for layer in self.layers.values() if isinstance(layer, QuantLayer)]

    @property
    def pair(self) -> tuple[int, ...]:
        """What one pair of cells can hold, the same in every quantized layer.

        Raises InputError when no layer is quantized.
        """
        grid = next((layer.grid for layer in self.chain if layer.grid is not None), None)
        if grid is None:
            raise InputError("model: all its weights are real, and a chip cannot hold those; quantize its layers")
        return grid.pair or grid.values

    @property
    def features(self) -> int:
        """Number of inputs."""
        return int(np.prod(self.shape))

    @property
    def is_discrete(self) -> bool:
        """Whether every weight is on the grid, so that the integer contract holds."""
        return all(layer.grid is not None for layer in self.chain)

    def quantize(self, x: NDArray[np.floating]) -> Ints:
        """Real inputs, in the units of the data, as the nearest integers, halves up, clamped to the input type."""
        return (self.worth or Scaling(self.scale)).integers(x, self.input).astype(np.int64)

    def forward(self, x: Tensor) -> Tensor:
        """Real logits in training mode, the chip's integers in eval mode."""
        if not self.training and self.is_discrete:
            return torch.from_numpy(self.integers(x.detach().cpu().numpy()))
        return self.logits(x)

    def logits(self, x: Tensor) -> Tensor:
        """Real logits in either mode; batch norm and noise follow the mode."""
        edges: dict[str, Edge] = {"input": Edge(x.float().reshape(len(x), *self.shape), self.input, self.scale)}
        for layer in self.in_order:
            edges[layer.name] = layer(*(edges[s] for s in layer.sources))
        return edges[layer.name].value

    def integers(self, x: NDArray[np.generic]) -> Ints:
        """Outputs by the integer contract. Raises InputError when shape or values of `x` do not suit the network."""
        v = np.asarray(x)
        if v.ndim != 2 or v.shape[1] != self.features:
            raise InputError(f"model input: shape must be (images, {self.features}), got {v.shape}; flatten each image")
        if not (np.isfinite(v).all() and (v == np.floor(v)).all() and self.input.holds(v)):
            lo, hi = self.input.lo, self.input.hi
            raise InputError(
                f"model input: must be whole numbers in {lo}..{hi} ({self.input}); call model.quantize first"
            )
        parts = [self.run(v[k : k + BATCH]).value for k in range(0, len(v), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.chain[-1].bias)), np.int64)

    def run(self, v: NDArray[np.generic]) -> IntEdge:
        """`integers` of a few valid inputs, with the real value of one integer of the outputs."""
        edges = {"input": IntEdge(v.astype(np.int64).reshape(len(v), *self.shape), self.scale, self.input)}
        for layer in self.in_order:
            edges[layer.name] = layer.integers(*(edges[s] for s in layer.sources))
        return edges[layer.name]


def quantized(
    architecture: Architecture,
    shape: Shape,
    grid: Grid | Mapping[str, Grid],
    activation: IntType,
    input: IntType,
    *,
    seed: int = 0,
    weight_clip: float | None = None,
    activation_clip: float | None = None,
    summand: IntType | None = None,
    per_column: bool = False,
    bias_on_grid: bool = False,
    real: str = "",
    converters: Callable[[str, bool], Converters | None] = lambda name, last: None,
    noise: Callable[[str, tuple[int, ...]], CellNoise | None] = lambda name, shape: None,
) -> QuantNet:
    """The architecture with weights on `grid`, or on that of each layer by name, and activations of type `activation`.

    The inputs of an Add have type `summand`; absent, the signed type of as many bits as `activation`. One of them may
    be raw accumulators, see `architecture.raw`.

    Starts from the weights of `baseline_of` with the same seed. `weight_clip` instead fixes the real value of the
    largest weight in every layer and starts from the nearest levels of a normal of that deviation. `activation_clip`
    fixes the largest real value of every activation. real: "conv" or "linear" keeps the weights of such layers real.
    converters and noise return a layer's imperfections, given its name.
    """
    rng, found = seeded(seed), arch.shapes(architecture, shape)
    summand = summand or IntType(activation.bits, signed=True)
    rectifier = partial(QuantReLU, activation, activation_clip)
    layers: list[QuantModule] = []
    summed = arch.raw(architecture)
    for spec in architecture:
        if not isinstance(spec, arch.Linear | arch.Conv):
            layers.append(MAKERS[type(spec)].quantized(spec, rectifier))
            continue
        last, held = spec is architecture[-1], None
        if real != spec.node.kind:
            held = grid if isinstance(grid, Grid) else grid[spec.name]
        w = matrix(spec, found[spec.source], rng, weight_clip)
        act = None
        if not last and spec.name not in summed:
            act = QuantReLU(activation if spec.act else summand, activation_clip)
        imperfections: dict[str, Any] = {}
        if held is not None:
            imperfections = {"converters": converters(spec.name, last), "noise": noise(spec.name, tuple(w.shape))}
        cells = {"per_column": per_column, "bias_on_grid": bias_on_grid, **imperfections}
        layers.append(_layer(spec, w, held, act, weight_clip, rectifier, summed=spec.name in summed, **cells))
    return QuantNet(layers, input, 1.0 / span(input), shape)


def _layer(
    spec: arch.Linear | arch.Conv,
    weight: Tensor,
    grid: Grid | None,
    activation: QuantReLU | None,
    clip: float | None,
    rectifier: Callable[[], QuantReLU],
    **options: Any,
) -> QuantLayer:
    """A layer with cells; with `clip`, its scale is fixed and its weights start on the grid."""
    conv = spec if isinstance(spec, arch.Conv) else None
    pool = conv.pooling if conv else None
    if clip is not None and grid is not None:
        weight = (grid.codes(weight.double() * grid.top / clip) * (clip / grid.top)).float()
    return QuantLayer(
        spec.name,
        spec.source,
        weight,
        grid,
        activation,
        conv.window if conv else None,
        clip=clip if grid is not None else None,
        norm=conv is not None and conv.norm,
        pool=MAKERS[type(pool)].quantized(pool, rectifier) if pool else None,
        **options,
    )


def mlp(
    sizes: Sequence[int],
    weights: Sequence[int],
    activation: IntType,
    input: IntType,
    *,
    seed: int = 0,
    weight_clip: float | None = None,
) -> QuantNet:
    """A perceptron of layer `sizes` on the device grid `weights` (Chip.device.weights), ReLU of type `activation`.

    `weight_clip` is that of `quantized`.
    """
    layers = arch.mlp(sizes[1:-1], sizes[-1])
    return quantized(layers, (sizes[0],), Grid(tuple(weights)), activation, input, seed=seed, weight_clip=weight_clip)
