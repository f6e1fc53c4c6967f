"""Quantized layers: fast float32 while training, the integer contract bit for bit in `integers`.

Both learn how far their grid reaches (LSQ, arXiv:1902.08153). The parameter is the reach, the real value
of the largest weight or activation: unlike the step, it suits one learning rate whatever the number of levels.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType, requant_constants, requantize
from codesign.ir import Requant
from codesign.train.grid import Grid, best_reach

TINY = 1e-9  # keeps a step positive


class _Lsq(torch.autograd.Function):
    """`step * q(x / step)`; gradient straight through inside lo..hi, LSQ's gradient for the step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, lo: float, hi: float, grid: Grid | None, damp: float) -> Tensor:
        v = x / step
        q = torch.floor(v + 0.5).clamp_(lo, hi) if grid is None else grid.nearest(v)
        ctx.save_for_backward(v, q)
        ctx.range = (lo, hi, damp)
        return q * step

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        (v, q), (lo, hi, damp), g = ctx.saved_tensors, ctx.range, grads[0]
        gx = g * ((v >= lo) & (v <= hi))
        slope = torch.dot(g.flatten(), q.flatten()) - torch.dot(gx.flatten(), v.flatten())  # inside q - v, outside q
        return gx, (slope * damp).reshape(()), None, None, None, None


def _lsq(x: Tensor, step: Tensor, lo: float, hi: float, grid: Grid | None, damp: float) -> Tensor:
    out: Tensor = _Lsq.apply(x, step, lo, hi, grid, damp)  # type: ignore[no-untyped-call]
    return out


def span(kind: IntType) -> int:
    """The largest magnitude of an integer type: its reach in steps."""
    return max(kind.hi, -kind.lo)


class QuantReLU(nn.Module):
    """Activations as integers of `kind` times a learned step. Unsigned kinds are a ReLU, signed ones only clamp."""

    def __init__(self, kind: IntType) -> None:
        super().__init__()
        if not 1 <= kind.bits <= 8:
            raise InputError(f"activation: must have 1..8 bits, got {kind}; choose 1 to 8")
        self.kind = kind
        self.reach = nn.Parameter(torch.tensor(min(4.0, 1 + 0.75 * kind.bits)))

    @property
    def step(self) -> float:
        """Real value of one integer, in float64."""
        return (abs(self.reach.item()) + TINY) / span(self.kind)

    def forward(self, x: Tensor) -> Tensor:
        """Real values to the nearest step (halves up), as real values."""
        step = (self.reach.abs() + TINY) / span(self.kind)
        damp = 1 / math.sqrt(x[0].numel() * span(self.kind))
        return _lsq(x, step, self.kind.lo, self.kind.hi, None, damp)


class QuantLinear(nn.Module):
    """`x @ (scale * grid value) + bias`, then `activation` (None: the last layer, raw accumulators).

    weight is (outputs, inputs) as in nn.Linear and real; bias is digital. With `reach` the scale is fixed
    and the cells hold the buffer `held` (conductance codes), which only the training method changes.
    """

    def __init__(
        self, name: str, weight: Tensor, grid: Grid, activation: QuantReLU | None, reach: float | None = None
    ) -> None:
        super().__init__()
        self.name, self.grid, self.activation = name, grid, activation
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(weight.shape[0]))
        first = torch.tensor(best_reach(weight, grid) if reach is None else reach)
        self.reach = nn.Parameter(first, requires_grad=reach is None)
        self.held: Tensor | None
        self.register_buffer("held", None)
        if reach is not None:
            self.held = self.proposal().float()

    @property
    def scale(self) -> float:
        """Real value of one conductance code, in float64."""
        return (abs(self.reach.item()) + TINY) / self.grid.top

    def proposal(self) -> Tensor:
        """The codes nearest to the real weights, (outputs, inputs) int64."""
        return self.grid.codes(self.weight.detach().double() / self.scale)

    def codes(self) -> Tensor:
        """The codes the cells hold, (outputs, inputs) int64, each one a value of the grid."""
        return self.proposal() if self.held is None else self.held.to(torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        """Real activations in and out, float32, differentiable."""
        if self.held is None:
            damp = 1 / math.sqrt(self.weight.numel() * (len(self.grid.values) // 2))
            scale = (self.reach.abs() + TINY) / self.grid.top
            w = _lsq(self.weight, scale, -self.grid.top, self.grid.top, self.grid, damp)
        else:  # gradient at the deployed cells, applied to the shadow
            w = self.weight + (self.held * self.scale - self.weight).detach()
        y = functional.linear(x, w, self.bias)
        return y if self.activation is None else self.activation(y)

    def requant(self, step: float) -> Requant:
        """The digital constants behind the array, when one input integer is worth `step`."""
        if not all(bool(torch.isfinite(t).all()) for t in (self.weight, self.bias, self.reach)):
            raise InputError(
                f"layer {self.name}: weights, bias and scale must be finite, got NaN or infinity; "
                "train again with a lower lr or load an earlier checkpoint"
            )
        unit = self.scale * step  # real value of one accumulator step
        bias = self.bias.detach().double().numpy()
        if self.activation is None:
            add = np.floor(bias / unit + 0.5).astype(np.int64)
            return Requant(np.ones_like(add), add, 0, INT32)
        after = self.activation.step
        mult, add, shift = requant_constants(np.full(bias.shape, unit / after), bias / after)
        return Requant(mult, add, shift, self.activation.kind)

    def integers(self, x: Ints, step: float) -> Ints:
        """The integer contract: integer activations (images, inputs) to integers (images, outputs), exact."""
        q = self.requant(step)
        acc = torch.from_numpy(np.asarray(x, dtype=np.float64)) @ self.codes().double().T  # exact below 2^53
        return requantize(acc.numpy().astype(np.int64), q.mult, q.bias, q.shift, q.out)
