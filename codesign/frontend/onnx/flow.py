"""What waits between two quantizers: sums of products, and the file's steps from them to the next integers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, IntType
from codesign.frontend.graph import Real
from codesign.frontend.onnx import arithmetic
from codesign.frontend.onnx.model import Array, Node
from codesign.frontend.onnx.quantizer import Quantizer
from codesign.ir.geometry import Shape, Window

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge of the integer network: q stands for `scale * (unit * q + base)` in the file."""

    name: str
    kind: IntType
    scale: float
    unit: int = 1
    base: int = 0


@dataclass(frozen=True, eq=False)
class Product:
    """A linear layer or a convolution: weights (outputs first) in the chip's integers, `scale[j]` times the file's."""

    name: str
    edge: Edge
    weight: Ints
    scale: Real  # (outputs,) what one unit of the weights of a column is worth
    window: Window | None = None
    groups: int = 1

    @property
    def channels(self) -> int:
        return len(self.weight)

    def reached(self, j: int) -> Ints:
        """Every accumulator that column j can have, rising: sums of whole multiples of what its weights share.

        A superset where the input's values do not combine to all of them.
        """
        w = self.weight[j].ravel()
        ends = np.stack([w * self.edge.kind.lo, w * self.edge.kind.hi])
        if self.window is not None and any(self.window.padding):
            ends = np.concatenate([ends, np.zeros_like(ends[:1])])  # beyond the image
        shared = int(np.gcd.reduce(w)) or 1
        return np.arange(int(ends.min(axis=0).sum()), int(ends.max(axis=0).sum()) + 1, shared, dtype=np.int64)

    def count(self, j: int) -> int:
        """How many `reached` returns, without making them."""
        w = np.abs(self.weight[j].ravel())
        span = self.edge.kind.hi - self.edge.kind.lo
        if self.window is not None and any(self.window.padding):
            span = max(self.edge.kind.hi, 0) - min(self.edge.kind.lo, 0)
        return int(w.sum()) * span // (int(np.gcd.reduce(w)) or 1) + 1

    def real(self, acc: Ints, j: int) -> Float32:
        """The file's products for accumulators of column j: exact, then rounded to float32 once."""
        whole = self.edge.unit * acc + self.edge.base * int(self.weight[j].sum())
        return np.asarray(whole * (self.edge.scale * self.scale[j]), np.float32)


@dataclass(frozen=True, eq=False)
class Mean:
    """An average over every window."""

    name: str
    edge: Edge
    window: Window
    channels: int

    def reached(self, _: int) -> Ints:
        area = self.window.area
        return np.arange(area * self.edge.kind.lo, area * self.edge.kind.hi + 1, dtype=np.int64)

    def count(self, _: int) -> int:
        return self.window.area * (self.edge.kind.hi - self.edge.kind.lo) + 1

    def real(self, acc: Ints, _: int) -> Float32:
        whole = self.edge.unit * acc + self.edge.base * self.window.area
        return np.asarray(whole * self.edge.scale / self.window.area, np.float32)


@dataclass(frozen=True, eq=False)
class Total:
    """The sum of two edges of one shape."""

    name: str
    edge: Edge
    other: Edge
    channels: int

    def pairs(self) -> tuple[Ints, Ints]:
        """Every pair of integers that the edges can have."""
        one, two = (np.arange(e.kind.lo, e.kind.hi + 1, dtype=np.int64) for e in (self.edge, self.other))
        first, second = np.meshgrid(one, two, indexing="ij")
        return first.ravel(), second.ravel()

    def real(self, first: Ints, second: Ints) -> Float32:
        a, b = (
            (e.unit * q + e.base).astype(np.float32) * np.float32(e.scale)
            for e, q in ((self.edge, first), (self.other, second))
        )
        return np.asarray(a + b, np.float32)


@dataclass(frozen=True, eq=False)
class Entry:
    """The network's input, before its first quantizer."""

    name: str
    channels: int


Draft = Product | Mean | Total | Entry


@dataclass(frozen=True, eq=False)
class Step:
    """One elementwise node: constants are () or (channels,), None where the value itself goes; or a quantizer."""

    node: Node
    constants: tuple[Array | None, ...] = ()
    at: int = 0  # the input that is the value
    quantizer: Quantizer | None = None

    def __call__(self, x: Array, j: int) -> Array:
        """Its output for values of channel j, in their dtype."""
        if self.quantizer is not None:
            return np.asarray(self.quantizer.reals(self.quantizer.levels(x, j)))
        args = [c if c is None or c.ndim == 0 else c[j] for c in self.constants]
        args = [c if c is None or c.dtype.kind != "f" else np.asarray(c, x.dtype) for c in args]
        args[self.at] = x
        return arithmetic.apply(self.node, args)


@dataclass(frozen=True, eq=False)
class Flow:
    """A tensor of the file: a draft's values through steps. shape: of one image, in the file.

    pools: max poolings, each with the number of steps before it; they move behind the quantizer, which keeps order.
    """

    draft: Draft
    steps: tuple[Step, ...]
    shape: Shape
    natural: Shape  # as the draft and the poolings give it, before anything reshapes it
    pools: tuple[tuple[int, Window], ...] = ()
    ended: bool = False  # behind a softmax or argmax: nothing may read it

    @property
    def quantizer(self) -> Quantizer | None:
        """The last step, if it is a quantizer."""
        return self.steps[-1].quantizer if self.steps else None

    def then(self, step: Step) -> "Flow":
        return replace(self, steps=(*self.steps, step))

    def before(self, x: Array, j: int, steps: int | None = None) -> Array:
        """Values of channel j behind the first `steps` steps (absent: all but the last)."""
        for step in self.steps[: len(self.steps) - 1 if steps is None else steps]:
            x = step(x, j)
        return x

    def levels(self, x: Float32, j: int, up: bool = False) -> Ints:
        """What the file makes of values x of channel j: integers of its last step, a quantizer.

        up: as they would be if values in the middle of two integers went up, as on the chip.
        """
        assert self.quantizer is not None
        found = self.quantizer.risen if up else self.quantizer.levels
        return found(self.before(x, j), j)

    @property
    def limited(self) -> bool:
        """Whether a clip lies before constants per channel: then every channel has limits of its own."""
        clips = [k for k, s in enumerate(self.steps) if s.node.op in ("Relu", "Clip", "Min", "Max")]
        return bool(clips) and any(c is not None and c.ndim for s in self.steps[clips[0] :] for c in s.constants)
