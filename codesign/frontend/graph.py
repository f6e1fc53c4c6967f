"""The real-valued network between a user's model and its integers: every front end makes it, every quantizer takes it.

Everything that folds is folded: batch norm, scales and offsets lie in weights and biases. Values are float64.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from codesign.account import Row
from codesign.brief import Brief
from codesign.ir.geometry import Shape, Window

Real = NDArray[np.float64]
INF = float("inf")


@dataclass(frozen=True)
class Clamp:
    """An activation: values are clipped to lo..hi. ReLU is 0..inf, ReLU6 0..6, Hardtanh -1..1."""

    lo: float = 0.0
    hi: float = INF

    def __call__(self, x: Real) -> Real:
        return np.asarray(np.clip(x, self.lo, self.hi))

    def __str__(self) -> str:
        return "ReLU" if (self.lo, self.hi) == (0.0, INF) else f"clamp({self.lo:g}, {self.hi:g})"


@dataclass(frozen=True, eq=False)
class Norm:
    """Batch norm that follows a matrix: `(x - mean) * gain / sqrt(variance + eps) + offset`, per output channel.

    Kept beside the matrix, unfolded, so that training can go on with it; `Matrix.folded` folds it.
    """

    gain: Real
    offset: Real
    mean: Real
    variance: Real
    eps: float


@dataclass(frozen=True, eq=False)
class _Op(Brief):
    kind: ClassVar[str]

    name: str  # an identifier made of the module's path: unique, the node's name in the integer network
    path: str  # where the user finds it: the module's path, as `features.0`
    source: str  # the operation that it reads; "input" is the model's input

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    def _brief(self) -> str:
        return f"{self.name}: {self.kind}({', '.join(self.sources)})"


@dataclass(frozen=True, eq=False)
class Matrix(_Op):
    """A linear layer (outputs, inputs), or a convolution (outputs, inputs // groups, height, width) with its window.

    act follows it; None: its outputs are not clipped (they are signed activations, or the model's outputs).
    """

    kind = "matrix"

    weight: Real
    bias: Real  # (outputs,)
    window: Window | None = None
    groups: int = 1
    act: Clamp | None = None
    norm: Norm | None = None  # between bias and act

    def folded(self) -> "Matrix":
        """The same without `norm`: weight and bias contain it."""
        if self.norm is None:
            return self
        n = self.norm
        gain = n.gain / np.sqrt(n.variance + n.eps)
        weight = self.weight * gain.reshape(-1, *(1,) * (self.weight.ndim - 1))
        bias = (self.bias - n.mean) * gain + n.offset
        return Matrix(self.name, self.path, self.source, weight, bias, self.window, self.groups, self.act)


@dataclass(frozen=True, eq=False)
class Pool(_Op):
    """The largest value or the mean of every window, channel by channel."""

    kind = "pool"

    window: Window
    largest: bool  # else the mean
    act: Clamp | None = None


@dataclass(frozen=True, eq=False)
class Sum(_Op):
    """`gain * source + other_gain * other + bias`, then act. Gains and bias are one per channel (or feature)."""

    kind = "sum"

    other: str
    gain: Real
    other_gain: Real
    bias: Real
    act: Clamp | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, self.other)


Op = Matrix | Pool | Sum


@dataclass(frozen=True, eq=False)
class Graph(Brief):
    """A model as operations in execution order; the last one, a Matrix without act, gives the outputs.

    shape: (features,), or (channels, height, width) of an input image; one-dimensional signals have height 1.
    offset: what `program.quantize` subtracts before it scales, one number, one per channel or one per feature; () is 0.
    Only an offset that cannot fold lies here. tail: what was dropped behind the outputs, in order, as the names of
    functions of torch.nn.functional with their keyword arguments (training applies them again, chips never do).
    scales: what `program.quantize` divides by behind the offset, one number per feature; () is 1.
    wrap: how the user's forward wraps the scores: (), or the keys and indices that lead to them.
    gain: what the user's forward multiplied the inputs by, one or more numbers, before the weights that contain it.
    """

    ops: tuple[Op, ...]
    shape: Shape
    offset: tuple[float, ...] = ()
    tail: tuple[tuple[str, dict[str, Any]], ...] = ()
    wrap: tuple[str | int, ...] = ()
    rows: tuple[Row, ...] = field(default=())
    scales: tuple[float, ...] = ()
    gain: Real = field(default_factory=lambda: np.ones(1))

    def _brief(self) -> str:
        return f"{len(self.ops)} operations, inputs {self.shape}"
