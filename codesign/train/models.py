"""Networks of quantized layers, and their float twin."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codesign.errors import InputError
from codesign.fixed import Ints, IntType, clamp
from codesign.train.grid import Grid
from codesign.train.layers import QuantLinear, QuantReLU, span


class QuantNet(nn.Module):
    """A chain of QuantLinear layers on integer inputs of type `input`, each worth `step`.

    Takes (images, features) integers in any dtype. Training mode returns real logits (float32,
    differentiable). Eval mode returns the integers the chip will return (int64), bit for bit.
    """

    def __init__(self, layers: Sequence[QuantLinear], input: IntType, step: float) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({layer.name: layer for layer in layers})
        self.input, self.step = input, step

    @property
    def chain(self) -> list[QuantLinear]:
        """The layers in order."""
        return [layer for layer in self.layers.values() if isinstance(layer, QuantLinear)]

    @property
    def grid(self) -> Grid:
        """The weight grid, the same for every layer."""
        return self.chain[0].grid

    @property
    def features(self) -> int:
        """Inputs of the first layer."""
        return int(self.chain[0].weight.shape[1])

    def quantize(self, x: NDArray[np.floating]) -> Ints:
        """Real inputs as integers: the nearest step, halves up, clamped to the input type."""
        return clamp(np.floor(np.asarray(x, dtype=np.float64) / self.step + 0.5), self.input)

    def forward(self, x: Tensor) -> Tensor:
        """Real logits in training mode, the chip's integers in eval mode."""
        if not self.training:
            return torch.from_numpy(self.integers(x.detach().numpy()))
        y = x.float() * self.step
        for layer in self.chain:
            y = layer(y)
        return y

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
        y, step = v.astype(np.int64), self.step
        for layer in self.chain:
            y = layer.integers(y, step)
            step = layer.activation.step if layer.activation else 1.0
        return y


def names(count: int) -> list[str]:
    """Layer names of a multilayer perceptron: fc1, fc2, ..."""
    return [f"fc{k + 1}" for k in range(count)]


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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

    Starts from the weights of `float_mlp` with the same seed. `reach` instead fixes the real value of the
    largest weight in every layer, and starts from the nearest levels of a normal of that deviation.
    """
    grid, rng = Grid(tuple(weights)), _seeded(seed)
    layers = []
    for name, n, m in zip(names(len(sizes) - 1), sizes, sizes[1:], strict=False):
        w = torch.randn(m, n, generator=rng) * (reach if reach is not None else (2 / n) ** 0.5)  # (outputs, inputs)
        last = name == f"fc{len(sizes) - 1}"
        if reach is not None:
            w = (grid.codes(w.double() * grid.top / reach) * (reach / grid.top)).float()
        layers.append(QuantLinear(name, w, grid, None if last else QuantReLU(activation), reach))
    return QuantNet(layers, input, 1.0 / span(input))


def float_mlp(sizes: Sequence[int], *, seed: int = 0) -> nn.Sequential:
    """The float twin of `mlp`: nn.Linear and nn.ReLU, He normal from the same seed. Takes real inputs."""
    rng = _seeded(seed)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for name, n, m in zip(names(len(sizes) - 1), sizes, sizes[1:], strict=False):
        linear = nn.utils.skip_init(nn.Linear, n, m)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            linear.weight.copy_(torch.randn(m, n, generator=rng) * (2 / n) ** 0.5)
            linear.bias.zero_()
        parts[name] = linear
        parts[f"relu{name[2:]}"] = nn.ReLU()
    parts.popitem()  # the last layer has no ReLU
    return nn.Sequential(parts)
