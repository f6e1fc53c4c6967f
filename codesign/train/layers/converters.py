"""The chip's converters in the training loop: every input bit of every array goes through a saturating ADC.

The forward pass is the chip's, code for code (`fixed.convert` with the trim that the registers will hold). Activations
and weights get the gradients of the exact product, scaled for each array by the share of its conversions that did not
saturate. The scale of the converters learns as in LSQ.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codesign.fixed import Columns, Ints, IntType, Trim, bit_planes, plane_weights
from codesign.ir.geometry import Shape, Window
from codesign.mapping.layer import order_of
from codesign.train.layers.grid import Grid
from codesign.train.layers.noise import CellNoise
from codesign.train.layers.unfold import groups_of, images, patches

GAIN_TOP = 255  # largest gain register
SHIFT_TOP = 15  # largest shift register
LEARNERS = 8  # one image in this many trains the converters' scale
WATCHED = 4  # top bit planes that tell how far an array saturates; of 8, the others weigh 6 % together
INT_BATCH = 256  # vectors at once in the integer contract


class Converters(nn.Module):
    """The ADCs of a layer's arrays of `rows` wordlines: signed codes of `bits`, one learned scale for the layer.

    `cut` is the wordline of the layer's first row; the next array begins after the last wordline. Rows lie in the order
    in which the chip reads activations, which differs from that of the weights where a layer reads a picture.
    The parameter is the logarithm of the scale (base 2, in conductance codes). It starts at the current of one on
    cell, `top` codes. `trim` is what the registers hold. `whole` allows powers of two only: for the last layer, whose
    raw accumulators no multiplier can rescale.
    """

    def __init__(self, rows: int, bits: int, whole: bool = False, top: int = 1, cut: int = 0) -> None:
        super().__init__()
        self.rows, self.cut, self.code, self.whole = rows, cut, IntType(bits, signed=True), whole
        self.narrow = rows * top * GAIN_TOP < 2**24  # float32 holds every product of current and gain
        self.log_scale = nn.Parameter(torch.tensor(math.log2(top)))

    @property
    def trim(self) -> Trim:
        """Gain and shift nearest to the learned scale."""
        log = min(max(self.log_scale.item(), 0.0), float(SHIFT_TOP - 1))
        if self.whole or log == 0.0:
            return Trim(1, round(log))
        shift = min(SHIFT_TOP, math.floor(log + math.log2(GAIN_TOP)))
        return Trim(round(2 ** (shift - log)), shift)

    def forward(
        self,
        x: Tensor,
        slices: list[Tensor],
        kind: IntType,
        base: int,
        window: Window | None,
        noise: CellNoise | None,
        is_input: bool = False,
    ) -> Tensor:
        """Accumulators in the unit of exact products: (images, outputs), or (images, outputs, height, width).

        slices: the codes that the cells of each slice hold, in floats, least significant first. is_input: whether `x`
        are the network's inputs.
        """
        parts = []
        for s, codes in enumerate(slices):
            if window is None:
                y = self._layer(x.flatten(1), codes, kind, noise, _order(x.shape[1:], None, is_input))
            else:
                made = []
                for a, w in _groups(x, codes):
                    order = _order(a.shape[1:], window, is_input)
                    acc = self._layer(patches(a, window), w.flatten(1), kind, noise, order)
                    made.append(images(acc, a, window))
                y = torch.cat(made, 1)
            parts.append(y * float(base**s) if s else y)
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]

    def _layer(self, x: Tensor, codes: Tensor, kind: IntType, noise: CellNoise | None, order: Tensor | None) -> Tensor:
        """(vectors, inputs) times (outputs, inputs)."""
        scale = torch.exp2(self.log_scale)
        if not self.narrow:
            x, codes = x.double(), codes.double()
        tiles = self._tiles(x.shape[1])
        if order is not None and len(tiles) > 1:  # in one array, the order of rows changes nothing
            x, codes = (v.index_select(1, order.to(v.device)) for v in (x, codes))
        out: Tensor = _Convert.apply(x, codes, scale, kind, self.trim, self.code, tiles, noise)  # type: ignore[no-untyped-call]
        return out if self.narrow else out.float()

    def _tiles(self, inputs: int) -> list[slice]:
        """The rows of each array, in the chip's order."""
        ends = [0, *range(self.rows - self.cut, inputs, self.rows), inputs]
        return [slice(first, end) for first, end in pairwise(ends)]

    def integers(
        self, x: Ints, codes: Tensor, kind: IntType, grid: Grid, window: Window | None, is_input: bool = False
    ) -> Ints:
        """Sums of the converters' codes by the integer contract; the trim is not undone."""
        parts = []
        batch = max(1, INT_BATCH if window is None else INT_BATCH * 64 // (x.shape[-1] * x.shape[-2]))
        for first in range(0, len(x), batch):
            parts.append(self._integers(x[first : first + batch], codes, kind, grid, window, is_input))
        return np.concatenate(parts)

    def _integers(
        self, x: Ints, codes: Tensor, kind: IntType, grid: Grid, window: Window | None, is_input: bool
    ) -> Ints:
        if window is None:
            return self._codes(x.reshape(len(x), -1), codes, kind, grid, _order(x.shape[1:], None, is_input))
        made = []
        for a, w in _groups(torch.from_numpy(x).double(), codes):
            rows, order = patches(a, window).numpy().astype(np.int64), _order(a.shape[1:], window, is_input)
            y = self._codes(rows, w.flatten(1), kind, grid, order)
            made.append(images(torch.from_numpy(y), a, window))
        return torch.cat(made, 1).numpy()

    def _codes(self, x: Ints, codes: Tensor, kind: IntType, grid: Grid, order: Tensor | None) -> Ints:
        if order is not None:
            x, codes = x[:, order.numpy()], codes[:, order]
        planes = bit_planes(x, kind, np.float32)  # (planes, vectors, inputs)
        trim, weights = self.trim, plane_weights(kind)
        total = np.zeros((len(x), len(codes)), np.int64)
        for s, digits in enumerate(grid.split(codes)):
            w = digits.numpy().astype(np.int64).T
            for tile in self._tiles(len(w)):
                read = Columns.of(w[tile], trim, 0, self.code).codes(planes[:, :, tile])
                total += np.tensordot(weights, read.astype(np.int64), axes=1) * grid.base**s
        return total


@lru_cache(maxsize=1024)
def _order(source: Shape, window: Window | None, is_input: bool) -> Tensor | None:
    """The rows of a layer's matrix as the chip has them, one after another (see `order_of`); None: as they are."""
    order = order_of(tuple(source), window, is_input)
    return torch.from_numpy(order) if (order[1:] < order[:-1]).any() else None


def _groups(x: Tensor, weight: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Channels of each convolution group, with the weights that read them."""
    groups = groups_of(x, weight)
    return zip(x.chunk(groups, 1), weight.chunk(groups), strict=True)


class _Convert(torch.autograd.Function):
    """Sum over arrays and bits of 2^b * scale * code. Exact in float32: currents and gains are short integers.

    LSQ stops the gradient where a conversion saturates. Doing so for every bit costs a product per bit; weighting each
    array's gradient by the significance of its unsaturated bits costs one product for all, and trains as well.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        codes: Tensor,
        _scale: Tensor,  # takes the gradient; the trim has its value
        kind: IntType,
        trim: Trim,
        code: IntType,
        tiles: list[slice],
        noise: CellNoise | None,
    ) -> Tensor:
        vectors, outputs = len(x), len(codes)
        planes, significance = _planes(x, kind)
        alpha = trim.gain * 2.0**-trim.shift
        half = x.new_full((), 0.5)
        few = max(1, vectors // LEARNERS)
        total = x.new_zeros(vectors * outputs)
        slope = x.new_zeros(few * outputs)
        watched = significance[:WATCHED].abs().view(-1, 1, 1)
        watched = (watched / watched.sum()).expand(-1, vectors, outputs)
        inner = []
        wt = codes.t()
        for tile in tiles:
            v = torch.addmm(half, planes[:, tile], wt[tile], alpha=alpha)
            if noise is not None:
                v = noise.convert(v, alpha)
            if ctx.needs_input_grad[2]:
                some = v.view(kind.bits, vectors, outputs)[:, :few] - 0.5
            read = v.floor_().view(kind.bits, vectors, outputs)
            inner.append(_inside(read[:WATCHED], watched, code))
            read = read.clamp_(code.lo, code.hi)
            total = torch.addmv(total, read.view(kind.bits, -1).t(), significance)
            if ctx.needs_input_grad[2]:
                inside = (some >= code.lo) & (some <= code.hi)
                taught = torch.where(inside, read[:, :few] - some, read[:, :few])
                slope = torch.addmv(slope, taught.reshape(kind.bits, -1).t(), significance)
        ctx.tiles = tiles
        ctx.save_for_backward(x, codes, slope.view(few, outputs), *inner)
        return total.view(vectors, outputs) / alpha

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, codes, slope, *inner = ctx.saved_tensors
        g = grads[0]
        gx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        gw = torch.empty_like(codes) if ctx.needs_input_grad[1] else None
        for tile, share in zip(ctx.tiles, inner, strict=True):
            passed = g * share
            if gx is not None:
                gx[:, tile] = passed @ codes[:, tile]
            if gw is not None:
                gw[:, tile] = passed.t() @ x[:, tile]
        gs = (g[: len(slope)] * slope).sum() * (len(g) / len(slope)) if ctx.needs_input_grad[2] else None
        return gx, gw, gs, None, None, None, None, None


def _inside(read: Tensor, weights: Tensor, code: IntType) -> Tensor:
    """The share of conversions in range: over all planes, the sum of the weights of unclamped codes that are."""
    kept: Tensor = torch.ops.aten.hardtanh_backward(weights, read, code.lo - 0.5, code.hi + 0.5)
    return kept.sum(0)


def _planes(x: Tensor, kind: IntType) -> tuple[Tensor, Tensor]:
    """Bits of integers in floats, (planes * vectors, inputs), top plane first, and each plane's weight (`fixed`)."""
    whole = x.detach().to(torch.int16 if kind.signed else torch.uint8)
    shifts = torch.arange(kind.bits - 1, -1, -1, dtype=whole.dtype, device=x.device).view(-1, 1, 1)
    planes = whole.unsqueeze(0).bitwise_right_shift(shifts).bitwise_and_(1).to(x.dtype)
    significance = torch.from_numpy(plane_weights(kind)).to(x)
    return planes.view(-1, x.shape[1]), significance
