"""Networks of quantized layers, built from an architecture and a seed."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codesign.errors import InputError
from codesign.fixed import Ints, IntType, quantize
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
    """Quantized layers on integer inputs of type `input`, each worth `step`; the last one is the output.

    Takes (images, features) integers in any dtype, row-major where an image has a `shape`. Training mode returns
    real logits (float32, differentiable). Eval mode returns the integers the chip will return (int64), bit for bit,
    unless some layer keeps real weights.
    """

    def __init__(self, layers: Sequence[QuantModule], input: IntType, step: float, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({layer.name: layer for layer in layers})
        self.input, self.step, self.shape = input, step, shape

    @property
    def in_order(self) -> list[QuantModule]:
        """All layers, in the order in which they run."""
        return [layer for layer in self.layers.values() if isinstance(layer, QuantModule)]

    @property
    def chain(self) -> list[QuantLayer]:
        """The layers with cells, in order."""
        return [layer for layer in self.layers.values() if isinstance(layer, QuantLayer)]

    @property
    def grid(self) -> Grid:
        """The weight grid, the same for every quantized layer. Raises InputError when none is quantized."""
        grid = next((layer.grid for layer in self.chain if layer.grid is not None), None)
        if grid is None:
            raise InputError("model: all its weights are real, a chip cannot hold them; quantize its layers")
        return grid

    @property
    def features(self) -> int:
        """Inputs of the network."""
        return int(np.prod(self.shape))

    @property
    def is_discrete(self) -> bool:
        """Whether every weight is on the grid, so that the integer contract holds."""
        return all(layer.grid is not None for layer in self.chain)

    def quantize(self, x: NDArray[np.floating]) -> Ints:
        """Real inputs as integers: the nearest step, halves up, clamped to the input type."""
        return quantize(x, self.step, self.input)

    def forward(self, x: Tensor) -> Tensor:
        """Real logits in training mode, the chip's integers in eval mode."""
        if not self.training and self.is_discrete:
            return torch.from_numpy(self.integers(x.detach().cpu().numpy()))
        return self.logits(x)

    def logits(self, x: Tensor) -> Tensor:
        """Real logits in either mode (batch norm and noise follow the mode)."""
        edges: dict[str, Edge] = {"input": Edge(x.float().reshape(len(x), *self.shape), self.input, self.step)}
        for layer in self.in_order:
            edges[layer.name] = layer(*(edges[s] for s in layer.sources))
        return edges[layer.name].value

    def integers(self, x: NDArray[np.generic]) -> Ints:
        """The integer contract from end to end. Raises InputError when `x` is not what the network takes."""
        v = np.asarray(x)
        if v.ndim != 2 or v.shape[1] != self.features:
            raise InputError(f"model input: shape must be (images, {self.features}), got {v.shape}; flatten each image")
        if not (np.isfinite(v).all() and (v == np.floor(v)).all() and self.input.holds(v)):
            lo, hi = self.input.lo, self.input.hi
            raise InputError(
                f"model input: must be whole numbers in {lo}..{hi} ({self.input}); call model.quantize first"
            )
        parts = [self._integers(v[k : k + BATCH]) for k in range(0, len(v), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.chain[-1].bias)), np.int64)

    def _integers(self, v: NDArray[np.generic]) -> Ints:
        edges = {"input": IntEdge(v.astype(np.int64).reshape(len(v), *self.shape), self.step, self.input)}
        for layer in self.in_order:
            edges[layer.name] = layer.integers(*(edges[s] for s in layer.sources))
        return edges[layer.name].value


def quantized(
    architecture: Architecture,
    shape: Shape,
    grid: Grid,
    activation: IntType,
    input: IntType,
    *,
    seed: int = 0,
    reach: float | None = None,
    clip: float | None = None,
    summand: IntType | None = None,
    per_column: bool = False,
    bias_on_grid: bool = False,
    real: str = "",
    converters: Callable[[str, bool], Converters | None] = lambda name, last: None,
    noise: Callable[[str, tuple[int, ...]], CellNoise | None] = lambda name, shape: None,
) -> QuantNet:
    """The architecture with weights on `grid` and activations of type `activation`.

    What an Add reads is of type `summand`; absent, the signed type of as many bits.

    Starts from the weights of `float_twin` with the same seed. `reach` instead fixes the real value of the largest
    weight in every layer, and starts from the nearest levels of a normal of that deviation. `clip` fixes the reach
    of every activation. real: "conv" or "linear" keeps that kind of layer's weights real. converters and noise make
    a layer's imperfections from its name.
    """
    rng, found = seeded(seed), arch.shapes(architecture, shape)
    summand = summand or IntType(activation.bits, signed=True)
    rectifier = partial(QuantReLU, activation, clip)
    layers: list[QuantModule] = []
    for spec in architecture:
        last = spec is architecture[-1]
        if not isinstance(spec, arch.Linear | arch.Conv):
            layers.append(MAKERS[type(spec)].quantized(spec, rectifier))
        else:
            conv = spec if isinstance(spec, arch.Conv) else None
            pool = conv.pooling if conv else None
            w = matrix(spec, found[spec.source], rng, reach)
            g = None if real == spec.node.kind else grid
            if reach is not None and g is not None:
                w = (g.codes(w.double() * g.top / reach) * (reach / g.top)).float()
            act = QuantReLU(activation if spec.act else summand, clip) if not last else None
            layers.append(
                QuantLayer(
                    spec.name,
                    spec.source,
                    w,
                    g,
                    act,
                    conv.window if conv else None,
                    reach=reach if g is not None else None,
                    per_column=per_column,
                    bias_on_grid=bias_on_grid,
                    norm=conv is not None and conv.norm,
                    pool=MAKERS[type(pool)].quantized(pool, rectifier) if pool else None,
                    converters=converters(spec.name, last) if g is not None else None,
                    noise=noise(spec.name, tuple(w.shape)) if g is not None else None,
                )
            )
    return QuantNet(layers, input, 1.0 / span(input), shape)


def mlp(
    sizes: Sequence[int],
    weights: Sequence[int],
    activation: IntType,
    input: IntType,
    *,
    seed: int = 0,
    reach: float | None = None,
) -> QuantNet:
    """A perceptron of layer `sizes` on the device grid `weights` (Chip.device.weights), ReLU of type `activation`.

    See `quantized` for `reach`.
    """
    layers = arch.mlp(sizes[1:-1], sizes[-1])
    return quantized(layers, (sizes[0],), Grid(tuple(weights)), activation, input, seed=seed, reach=reach)
