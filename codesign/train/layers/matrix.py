"""Layers with cells: integers in float32 during training, the integer contract bit for bit in `integers`."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from codesign.errors import InputError
from codesign.fixed import INT32, IntType, Trim, raw_bias, requant_constants, trimmed
from codesign.ir import Conv, Linear, Node, Requant
from codesign.ir.geometry import Window
from codesign.ir.nodes.matrix import by_input
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import Edge, IntEdge, QuantModule, QuantReLU, Raw, drive
from codesign.train.layers.fit import best_clip
from codesign.train.layers.grid import Grid
from codesign.train.layers.noise import CellNoise
from codesign.train.layers.ste import TINY, affine, product, to_codes
from codesign.train.layers.unfold import convolve, exact, groups_of

BN_EPS = 1e-5


class QuantLayer(QuantModule):
    """A matrix in cells, with its converters and requantizer: a linear layer or a convolution.

    weight is real, outputs first; bias is digital unless `bias_on_grid`, which puts it on a wordline of its own,
    driven by the largest activation. activation None: raw accumulators, of the last layer, or of one that is `summed`:
    a QuantAdd alone reads it, and applies its scale, bias and batch norm. grid None: weights stay real (for studies;
    such a layer cannot be exported). With `clip`, the scale is fixed and the cells hold the buffer `held` (conductance
    codes), which only the training method changes. `soft` weights are not rounded. `pool` reads this layer; it is
    monotonic, so it runs before scaling, with the same result from fewer numbers.
    """

    def __init__(
        self,
        name: str,
        source: str,
        weight: Tensor,
        grid: Grid | None,
        activation: QuantReLU | None,
        window: Window | None = None,
        *,
        clip: float | None = None,
        per_column: bool = False,
        bias_on_grid: bool = False,
        norm: bool = False,
        summed: bool = False,
        pool: QuantModule | None = None,
        converters: Converters | None = None,
        noise: CellNoise | None = None,
    ) -> None:
        super().__init__(name, source)
        self.grid, self.activation = grid, activation
        self.window, self.pool, self.bias_on_grid = window, pool, bias_on_grid
        self.summed = summed
        self.converters, self.noise = converters, noise
        self.soft = False
        outputs = weight.shape[0]
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs), requires_grad=not norm)
        self.norm = nn.BatchNorm1d(outputs, eps=BN_EPS) if norm else None
        self.held: Tensor | None
        self.register_buffer("held", None)
        self.clip: nn.Parameter | None = None
        if grid is not None:
            first = torch.tensor(best_clip(weight, grid) if clip is None else clip)
            if per_column and (summed or activation is not None):  # the last layer's must share a scale for argmax
                first = first.expand(outputs, *[1] * (weight.dim() - 1)).clone()
            self.clip = nn.Parameter(first, requires_grad=clip is None)
            if clip is not None:
                self.held = self.proposal().float()

    @property
    def reads_input(self) -> bool:
        """Whether it reads the network's inputs, which the chip gets channel by channel."""
        return self.sources == ("input",)

    # -- training: floats that hold integers --

    def cells(self) -> Tensor:
        """The codes that the cells hold, in floats; gradients flow to the real weights and the clip."""
        if self.grid is None or self.clip is None:
            return self.weight
        if not self.soft and self.held is None:
            return to_codes(self.weight, self.clip, self.grid)
        v = self.weight / ((self.clip.abs() + TINY) / self.grid.top)
        return (
            v if self.soft or self.held is None else v + (self.held - v).detach()
        )  # the gradient flows to the shadow weights

    def forward(self, x: Edge) -> Edge:
        """Integers to integers, differentiable; where accumulators stay raw, real numbers."""
        acc = self._product(x)
        if self.pool is not None:
            acc = self.pool(x._replace(value=acc)).value
        const, clips = x.const, x.clip
        if self.grid is not None and self.clip is not None:
            const, clips = const / self.grid.top, (self.clip, *clips)
        bias = self._bias(const * drive(x.kind), clips) if self.bias_on_grid else self.bias
        if self.norm is not None:
            none = acc.new_zeros(())
            acc, bias, const, clips = self._normalized(affine(acc, none, const, *clips)), none, 1.0, ()
        if self.activation is None:
            return Edge(affine(acc, bias, const, *clips), INT32, 1.0)
        edge: Edge = self.activation(acc, bias, const, *clips)
        return edge

    def _product(self, x: Edge) -> Tensor:
        """Accumulators in codes times input integers, as imperfect cells and converters produce them."""
        grid = self.grid
        noise = self.noise if self.training else None
        rounded = grid is not None and self.clip is not None and not self.soft and self.held is None
        if rounded and self.window is None and noise is None and self.converters is None:
            assert grid is not None and self.clip is not None
            return product(x.value.flatten(1), self.weight, self.clip, grid)  # the same as below, faster
        codes = self.cells()
        if grid is not None and (noise or self.converters):
            slices = grid.split(codes)
            if noise:
                slices = [noise(digits) for digits in slices]
            if self.converters is not None:
                acc: Tensor = self.converters(x.value, slices, x.kind, grid.base, self.window, noise, self.reads_input)
                return acc
            codes = slices[0]
            for s, digits in enumerate(slices[1:]):
                codes = codes + digits * float(grid.base ** (s + 1))
        acc = (
            functional.linear(x.value.flatten(1), codes)
            if self.window is None
            else convolve(x.value, codes, self.window)
        )
        return acc if noise is None or grid is None else noise.read(acc, x.kind, codes[0].numel(), grid)

    def _bias(self, const: float, clips: tuple[Tensor, ...]) -> Tensor:
        """The bias that a cell can hold, driven by the largest activation; all columns share its scale."""
        assert self.grid is not None
        unit = self.bias.new_full((), const)  # real value of one code on the bias wordline
        for clip in clips:
            unit = unit * (clip.abs() + TINY).max()
        return to_codes(self.bias, unit * self.grid.top, self.grid) * unit

    def _normalized(self, y: Tensor) -> Tensor:
        """Batch norm with positive gains, so that pooling may run before it."""
        norm = self.norm
        assert norm is not None
        return functional.batch_norm(
            y, norm.running_mean, norm.running_var, norm.weight.abs(), norm.bias, self.training, 0.1, norm.eps
        )

    # -- the integer contract --

    @property
    def scale(self) -> Tensor:
        """Real value of one conductance code, in float64: (), or one per output (outputs, 1, ...)."""
        assert self.grid is not None and self.clip is not None
        return (self.clip.detach().double().abs() + TINY) / self.grid.top

    def proposal(self) -> Tensor:
        """The codes nearest to the real weights, in the weight's shape, int64."""
        assert self.grid is not None
        return self.grid.codes(self.weight.detach().double() / self.scale)

    def codes(self) -> Tensor:
        """The codes that the cells hold: values of the grid in the weight's shape, int64."""
        if self.grid is None:
            raise InputError(
                f"layer {self.name}: its weights are real, and a chip cannot hold those; quantize every layer"
            )
        return (self.proposal() if self.held is None else self.held.to(torch.int64)).cpu()

    def requant(self, input_scale: float, kind: IntType) -> Requant:
        """The requantizer for inputs of `kind` and `input_scale`; the trim of converters is not undone."""
        unit, bias = self._worth(input_scale, kind)
        if self.activation is None:
            add = np.zeros(len(bias), np.int64) if self.summed else raw_bias(bias / unit, self.name)
            return Requant(np.ones_like(add), add, 0, INT32)
        assert self.grid is not None
        after = self.activation.scale
        mult, add, shift = requant_constants(unit / after, bias / after, f"layer {self.name}", self.grid.reserve)
        return Requant(mult, add, shift, self.activation.kind)

    def _worth(self, input_scale: float, kind: IntType) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Real value of one accumulated code, and what is added to it, one per output each."""
        tensors = [t for t in (*self.parameters(), *self.buffers()) if t.is_floating_point()]
        if not all(bool(torch.isfinite(t).all()) for t in tensors):
            raise InputError(
                f"layer {self.name}: weights, bias and scale must be finite, got NaN or infinity; "
                "train again with a lower lr or load an earlier checkpoint"
            )
        assert self.grid is not None
        unit = np.broadcast_to(self.scale.cpu().numpy().reshape(-1) * input_scale, (len(self.bias),))
        bias = _real(self.bias)
        if self.bias_on_grid:
            unit_of_bias = unit.max() * drive(kind)
            bias = self.grid.codes(torch.from_numpy(bias / unit_of_bias)).numpy() * unit_of_bias
        if self.norm is not None:
            norm = self.norm
            assert norm.running_mean is not None and norm.running_var is not None
            mean, var = _real(norm.running_mean), _real(norm.running_var)
            gain = np.abs(_real(norm.weight)) / np.sqrt(var + norm.eps)
            unit, bias = unit * gain, _real(norm.bias) - mean * gain
        return unit, bias

    @torch.no_grad()
    def integers(self, x: IntEdge) -> IntEdge:
        """The integer contract, with converters if the layer has them."""
        q, codes, grid, trim = self.requant(x.scale, x.kind), self.codes(), self.grid, Trim()
        assert grid is not None
        if self.converters is not None:
            trim = self.converters.trim
            acc = self.converters.integers(x.value, codes, x.kind, grid, self.window, self.reads_input)
        else:
            acc = exact(x.value, codes, self.window)
        if self.pool is not None:
            acc = self.pool.integers(x._replace(value=acc)).value
        after = self.activation.scale if self.activation else float(self.scale.max()) * x.scale  # raw: one for all
        if self.summed:
            return IntEdge(acc, after, q.out, Raw(*self._worth(x.scale, x.kind), trim, grid.reserve))
        mult, bias, shift = trimmed(q.mult, q.bias, q.shift, trim, self.name, grid.reserve)
        return IntEdge(Requant(mult, bias, shift, q.out)(acc), after, q.out)

    def nodes(self, reads: tuple[str, ...], x: IntEdge) -> tuple[Node, ...]:
        """Its node, and its pool's. Raises InputError when weights are NaN, infinite or real."""
        codes = self.codes().numpy()  # first, because it refuses real weights
        assert self.grid is not None
        requant, read = self.requant(x.scale, x.kind), self.converters
        held: dict[str, Any] = {"slices": self.grid.slices}
        held |= {"trim": read.trim, "cut": read.cut} if read else {}
        node: Node
        if self.window is None:
            node = Linear(self.name, reads[0], by_input(codes), requant, **held)
        else:
            form = (self.window.stride, self.window.padding, groups_of(x.value, self.weight))
            node = Conv(self.name, reads[0], codes.astype(np.int32), requant, *form, **held)
        return (node,) if self.pool is None else (node, *self.pool.nodes((self.name,), x))


def _real(values: Tensor) -> NDArray[np.float64]:
    """Parameters as float64 on the host."""
    real: NDArray[np.float64] = values.detach().double().cpu().numpy()
    return real
