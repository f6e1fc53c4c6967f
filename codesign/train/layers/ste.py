"""Trainable rounding: the straight-through functions of the quantized layers.

All values are the chip's integers, held in floats: weights are conductance codes, accumulators are exact products.
Real values appear only as products of a constant and of learned clips, so that one pass over the outputs replaces
extra passes over weights and activations. The magnitude of a clip counts, its sign does not. Gradients of the clips
follow LSQ (Esser et al., arXiv:1902.08153) and are derived by hand: on small nets a graph of scalar operations would
cost more than the rounding itself.
"""

from typing import Any

import torch
from torch import Tensor

from codesign.train.layers.grid import Grid

TINY = 1e-9  # keeps a scale positive
FLOAT32_TOP = 3e38


Scalar = float | Tensor  # a number where that is cheap (scalars on the CPU), else a tensor


def magnitude(clip: Tensor) -> Scalar:
    """The positive value of a clip, outside the autograd graph: () or one per output."""
    if clip.dim() == 0 and clip.device.type == "cpu":
        return abs(clip.item()) + TINY
    return clip.detach().abs() + TINY


class _Codes(torch.autograd.Function):
    """nearest(weight / scale) on the grid, scale = |clip| / top. Weights beyond the grid's ends get no gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, clip: Tensor, grid: Grid) -> Tensor:
        ctx.scale, ctx.top = magnitude(clip) / grid.top, grid.top
        ctx.save_for_backward(weight, clip)
        return grid.round_(weight / ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        weight, clip = ctx.saved_tensors
        return *_to_weights(grads[0] / ctx.scale, weight, clip, ctx.scale, ctx.top, ctx.needs_input_grad[1]), None


class _Product(torch.autograd.Function):
    """x @ codes.T with rounding: `_Codes` and a linear product in one node, which is faster on small nets."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, clip: Tensor, grid: Grid) -> Tensor:
        ctx.scale, ctx.top = magnitude(clip) / grid.top, grid.top
        codes = grid.round_(weight / ctx.scale)
        ctx.save_for_backward(x, weight, codes, clip)
        return x @ codes.t()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, codes, clip = ctx.saved_tensors
        g, needs = grads[0], ctx.needs_input_grad
        gx = g @ codes if needs[0] else None
        per_scale = g / (
            ctx.scale.flatten() if isinstance(ctx.scale, Tensor) else ctx.scale
        )  # a smaller tensor than the weights
        return gx, *_to_weights(per_scale.t() @ x, weight, clip, ctx.scale, ctx.top, needs[2]), None


def _to_weights(
    g: Tensor, weight: Tensor, clip: Tensor, scale: Scalar, top: int, learns: bool
) -> tuple[Tensor, Tensor | None]:
    """From the unstopped gradient of the weights (overwritten) to the gradients of the weights and of the clip."""
    end = scale * (top * (1 + 1e-6))  # weights on the ends still learn
    if isinstance(end, float):
        torch.ops.aten.hardtanh_backward.grad_input(g, weight, -end, end, grad_input=g)
    else:
        g.mul_(weight.abs() < end)
    if not learns:
        return g, None
    # d codes / d clip = -codes / clip
    inner = torch.dot(g.reshape(-1), weight.reshape(-1)) if clip.dim() == 0 else (g * weight).sum_to_size(clip.shape)
    return g, inner / -clip


class _Affine(torch.autograd.Function):
    """acc * const * |clip| * |clip| ... + bias; clips () or one per output."""

    @staticmethod
    def forward(ctx: Any, acc: Tensor, bias: Tensor, const: float, *clips: Tensor) -> Tensor:
        ctx.unit, ctx.bias = _unit(acc, const, clips), bias.shape
        ctx.save_for_backward(acc, *clips)
        return _affine(acc, ctx.unit, columns(bias, acc))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        acc, *clips = ctx.saved_tensors
        g, needs = grads[0], ctx.needs_input_grad
        slopes = _slopes(g, acc, ctx.unit, clips, needs[3:])
        dbias = _per_output(g, ctx.bias) if needs[1] else None
        return g * ctx.unit if needs[0] else None, dbias, None, *slopes


class _Requantize(torch.autograd.Function):
    """clamp(round((acc * const * |clip| * ... + bias) * span / |out_clip|)) to lo..hi."""

    @staticmethod
    def forward(
        ctx: Any, acc: Tensor, bias: Tensor, out_clip: Tensor, kind: tuple[float, float, int], const: float,
        *clips: Tensor,
    ) -> Tensor:  # fmt: skip
        lo, hi, span = kind
        ctx.per_unit = span / magnitude(out_clip)
        ctx.unit = _unit(acc, const, clips) * ctx.per_unit
        offset = columns(bias * ctx.per_unit, acc)
        t = _affine(acc, ctx.unit, offset).clamp_(lo, hi)
        ctx.save_for_backward(acc, t, out_clip, *clips)
        ctx.range, ctx.bias = (lo, hi), bias.shape
        return torch.round(t)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        acc, t, out_clip, *clips = ctx.saved_tensors
        needs = ctx.needs_input_grad
        g = torch.ops.aten.hardtanh_backward(grads[0], t, *ctx.range)
        slopes = _slopes(g, acc, ctx.unit, clips, needs[5:])
        out = (
            torch.dot(g.reshape(-1), t.reshape(-1)) / -out_clip if needs[2] else None
        )  # inside the range, d t / d clip = -t / clip
        dbias = _per_output(g, ctx.bias) * ctx.per_unit if needs[1] else None
        return g.mul_(ctx.unit) if needs[0] else None, dbias, out, None, None, *slopes


def _unit(acc: Tensor, const: float, clips: tuple[Tensor, ...]) -> Scalar:
    """const times the magnitudes: a scalar, or shaped as the outputs of `acc`."""
    unit: Scalar = const
    for clip in clips:
        m = magnitude(clip)
        unit = unit * (columns(m, acc) if isinstance(m, Tensor) else m)
    return unit


def _affine(acc: Tensor, unit: Scalar, offset: Tensor) -> Tensor:
    """acc * unit + offset in one pass."""
    if (
        isinstance(unit, float) and abs(unit) < FLOAT32_TOP
    ):  # else, or for NaN, a tensor: it overflows without an exception
        return torch.add(offset, acc, alpha=unit)
    return torch.addcmul(offset, acc, torch.as_tensor(unit, dtype=acc.dtype, device=acc.device))


def _slopes(g: Tensor, acc: Tensor, unit: Scalar, clips: list[Tensor], needs: tuple[bool, ...]) -> list[Tensor | None]:
    """Gradients of the clips in acc * unit, where d unit / d clip = unit / clip."""
    if not any(needs):
        return [None] * len(needs)
    if not isinstance(unit, Tensor) or unit.dim() == 0:
        each = total = torch.dot(g.flatten(), acc.flatten()) * unit
    else:
        each = (g * acc).sum_to_size(unit.shape) * unit
        total = each.sum()
    return [
        (total / r if r.dim() == 0 else each.reshape(r.shape) / r) if need else None
        for r, need in zip(clips, needs, strict=True)
    ]


def _per_output(g: Tensor, shape: torch.Size) -> Tensor:
    """Sum of `g` over all but the outputs, or over everything where `shape` is ()."""
    return g.sum([0, *range(2, g.dim())]) if len(shape) else g.sum()


def columns(t: Tensor, acc: Tensor) -> Tensor:
    """A value for all outputs, or one for each, shaped to broadcast over accumulators."""
    return t if t.dim() == 0 or (t.dim() == 1 and acc.dim() == 2) else t.reshape(-1, *[1] * (acc.dim() - 2))


def to_codes(weight: Tensor, clip: Tensor, grid: Grid) -> Tensor:
    """Weights (any shape) as conductance codes of the grid, in floats.

    clip is the real value of the grid's largest weight: () or one per output, broadcasting over `weight`.
    """
    out: Tensor = _Codes.apply(weight, clip, grid)  # type: ignore[no-untyped-call]
    return out


def product(x: Tensor, weight: Tensor, clip: Tensor, grid: Grid) -> Tensor:
    """Inputs (images, inputs) times the codes of weights (outputs, inputs): accumulators; see `to_codes`."""
    out: Tensor = _Product.apply(x, weight, clip, grid)  # type: ignore[no-untyped-call]
    return out


def affine(acc: Tensor, bias: Tensor, const: float, *clips: Tensor) -> Tensor:
    """Accumulators (images, outputs, ...) as real values: times `const` and the magnitudes of the clips, plus bias.

    bias is () or one per output.
    """
    out: Tensor = _Affine.apply(acc, bias, const, *clips)  # type: ignore[no-untyped-call]
    return out


def requantize(
    acc: Tensor, bias: Tensor, out_clip: Tensor, kind: tuple[float, float, int], const: float, *clips: Tensor
) -> Tensor:
    """Accumulators to integers: `clamp(round((acc * const * clips + bias) * span / out_clip))`.

    kind is (lo, hi, span): the range of the integers, and the one that is worth `out_clip`. bias is real, () or one
    per output.
    """
    out: Tensor = _Requantize.apply(acc, bias, out_clip, kind, const, *clips)  # type: ignore[no-untyped-call]
    return out
