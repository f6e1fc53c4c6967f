"""Rounding that can be trained: the straight-through functions behind the quantized layers.

Everything is counted in the chip's integers, held in floats: weights in conductance codes, activations in steps,
accumulators as their exact product. Real values appear only as products of a constant and of learned reaches, so
that one pass over the outputs does what extra passes over weights and activations would. A reach counts by its
magnitude. Gradients of the reaches are LSQ's (Esser et al., arXiv:1902.08153), worked out by hand: on small nets a
graph of scalar operations would cost more than the rounding itself.
"""

from typing import Any

import torch
from torch import Tensor

from codesign.train.layers.grid import Grid

TINY = 1e-9  # keeps a step positive
FLOAT32_TOP = 3e38


Scalar = float | Tensor  # a number where that is cheap (scalars on the CPU), else a tensor


def magnitude(reach: Tensor) -> Scalar:
    """What a reach stands for, outside of the graph: () or one per output."""
    if reach.dim() == 0 and reach.device.type == "cpu":
        return abs(reach.item()) + TINY
    return reach.detach().abs() + TINY


class _Codes(torch.autograd.Function):
    """nearest(weight / scale) on the grid, scale = |reach| / top. No gradient for weights beyond the grid's ends."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, reach: Tensor, grid: Grid) -> Tensor:
        ctx.scale, ctx.top = magnitude(reach) / grid.top, grid.top
        ctx.save_for_backward(weight, reach)
        return grid.round_(weight / ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        weight, reach = ctx.saved_tensors
        return *_to_weights(grads[0] / ctx.scale, weight, reach, ctx.scale, ctx.top, ctx.needs_input_grad[1]), None


class _Product(torch.autograd.Function):
    """x @ codes.T, rounding included: `_Codes` and a linear product in one node, which small nets notice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, reach: Tensor, grid: Grid) -> Tensor:
        ctx.scale, ctx.top = magnitude(reach) / grid.top, grid.top
        codes = grid.round_(weight / ctx.scale)
        ctx.save_for_backward(x, weight, codes, reach)
        return x @ codes.t()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, codes, reach = ctx.saved_tensors
        g, needs = grads[0], ctx.needs_input_grad
        gx = g @ codes if needs[0] else None
        per_scale = g / (ctx.scale.flatten() if isinstance(ctx.scale, Tensor) else ctx.scale)  # smaller than weights
        return gx, *_to_weights(per_scale.t() @ x, weight, reach, ctx.scale, ctx.top, needs[2]), None


def _to_weights(
    g: Tensor, weight: Tensor, reach: Tensor, scale: Scalar, top: int, learns: bool
) -> tuple[Tensor, Tensor | None]:
    """From the gradient of weights that nothing stops (overwritten) to those of the weights and of the reach."""
    end = scale * (top * (1 + 1e-6))  # the ends themselves still move
    if isinstance(end, float):
        torch.ops.aten.hardtanh_backward.grad_input(g, weight, -end, end, grad_input=g)
    else:
        g.mul_(weight.abs() < end)
    if not learns:
        return g, None
    # codes move by -codes / reach
    inner = torch.dot(g.view(-1), weight.view(-1)) if reach.dim() == 0 else (g * weight).sum_to_size(reach.shape)
    return g, inner / -reach


class _Affine(torch.autograd.Function):
    """acc * const * |reach| * |reach| ... + bias; reaches () or one per output."""

    @staticmethod
    def forward(ctx: Any, acc: Tensor, bias: Tensor, const: float, *reaches: Tensor) -> Tensor:
        ctx.unit, ctx.bias = _unit(acc, const, reaches), bias.shape
        ctx.save_for_backward(acc, *reaches)
        return _affine(acc, ctx.unit, columns(bias, acc))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        acc, *reaches = ctx.saved_tensors
        g, needs = grads[0], ctx.needs_input_grad
        slopes = _slopes(g, acc, ctx.unit, reaches, needs[3:])
        dbias = _per_output(g, ctx.bias) if needs[1] else None
        return g * ctx.unit if needs[0] else None, dbias, None, *slopes


class _Requantize(torch.autograd.Function):
    """clamp(round((acc * const * |reach| * ... + bias) * span / |out_reach|)) to lo..hi."""

    @staticmethod
    def forward(
        ctx: Any, acc: Tensor, bias: Tensor, out_reach: Tensor, kind: tuple[float, float, int], const: float,
        *reaches: Tensor,
    ) -> Tensor:  # fmt: skip
        lo, hi, span = kind
        ctx.per_step = span / magnitude(out_reach)
        ctx.unit = _unit(acc, const, reaches) * ctx.per_step
        offset = columns(bias * ctx.per_step, acc)
        t = _affine(acc, ctx.unit, offset).clamp_(lo, hi)
        ctx.save_for_backward(acc, t, out_reach, *reaches)
        ctx.range, ctx.bias = (lo, hi), bias.shape
        return torch.round(t)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        acc, t, out_reach, *reaches = ctx.saved_tensors
        needs = ctx.needs_input_grad
        g = torch.ops.aten.hardtanh_backward(grads[0], t, *ctx.range)
        slopes = _slopes(g, acc, ctx.unit, reaches, needs[5:])
        out = torch.dot(g.view(-1), t.view(-1)) / -out_reach if needs[2] else None  # t inside the range moves by -t
        dbias = _per_output(g, ctx.bias) * ctx.per_step if needs[1] else None
        return g.mul_(ctx.unit) if needs[0] else None, dbias, out, None, None, *slopes


def _unit(acc: Tensor, const: float, reaches: tuple[Tensor, ...]) -> Scalar:
    """const times the magnitudes: a scalar, or shaped as the outputs of `acc`."""
    unit: Scalar = const
    for reach in reaches:
        m = magnitude(reach)
        unit = unit * (columns(m, acc) if isinstance(m, Tensor) else m)
    return unit


def _affine(acc: Tensor, unit: Scalar, offset: Tensor) -> Tensor:
    """acc * unit + offset in one pass."""
    if isinstance(unit, float) and abs(unit) < FLOAT32_TOP:  # beyond, or NaN: tensors overflow without an exception
        return torch.add(offset, acc, alpha=unit)
    return torch.addcmul(offset, acc, torch.as_tensor(unit, dtype=acc.dtype, device=acc.device))


def _slopes(
    g: Tensor, acc: Tensor, unit: Scalar, reaches: list[Tensor], needs: tuple[bool, ...]
) -> list[Tensor | None]:
    """Gradients of the reaches in acc * unit, where each moves unit by unit / reach."""
    if not any(needs):
        return [None] * len(needs)
    if not isinstance(unit, Tensor) or unit.dim() == 0:
        each = total = torch.dot(g.flatten(), acc.flatten()) * unit
    else:
        each = (g * acc).sum_to_size(unit.shape) * unit
        total = each.sum()
    return [
        (total / r if r.dim() == 0 else each.reshape(r.shape) / r) if need else None
        for r, need in zip(reaches, needs, strict=True)
    ]


def _per_output(g: Tensor, shape: torch.Size) -> Tensor:
    """Sum of `g` over all but the outputs, or over everything where `shape` is ()."""
    return g.sum([0, *range(2, g.dim())]) if len(shape) else g.sum()


def columns(t: Tensor, acc: Tensor) -> Tensor:
    """A value for all outputs, or one for each, shaped to broadcast over accumulators."""
    return t if t.dim() == 0 or (t.dim() == 1 and acc.dim() == 2) else t.reshape(-1, *[1] * (acc.dim() - 2))


def to_codes(weight: Tensor, reach: Tensor, grid: Grid) -> Tensor:
    """Weights (any shape) as conductance codes of the grid, in floats.

    reach is the real value of the grid's largest weight: () or one per output, broadcasting over `weight`.
    """
    out: Tensor = _Codes.apply(weight, reach, grid)  # type: ignore[no-untyped-call]
    return out


def product(x: Tensor, weight: Tensor, reach: Tensor, grid: Grid) -> Tensor:
    """Inputs (images, inputs) by the codes of weights (outputs, inputs): accumulators, see `to_codes`."""
    out: Tensor = _Product.apply(x, weight, reach, grid)  # type: ignore[no-untyped-call]
    return out


def affine(acc: Tensor, bias: Tensor, const: float, *reaches: Tensor) -> Tensor:
    """Accumulators (images, outputs, ...) as real values: times `const` and the magnitudes of the reaches, plus bias.

    bias is () or one per output.
    """
    out: Tensor = _Affine.apply(acc, bias, const, *reaches)  # type: ignore[no-untyped-call]
    return out


def requantize(
    acc: Tensor, bias: Tensor, out_reach: Tensor, kind: tuple[float, float, int], const: float, *reaches: Tensor
) -> Tensor:
    """Accumulators to integers: `clamp(round((acc * const * reaches + bias) * span / out_reach))`.

    kind is (lo, hi, span): the integers' range, and how many of them `out_reach` is worth. bias is real, () or one
    per output.
    """
    out: Tensor = _Requantize.apply(acc, bias, out_reach, kind, const, *reaches)  # type: ignore[no-untyped-call]
    return out
