"""The graph while it grows: everything that folds is folded, and what cannot fold yet waits on its edge.

A tensor of the user's forward is a `Value`: `gain * edge + offset` for an edge of the graph. A gain and an offset move
into the operation that makes the edge where nothing else reads it and no activation lies between. Else they wait until
an operation reads the value and takes them into its own weights.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from codesign.frontend.graph import INF, Clamp, Matrix, Norm, Op, Pool, Real, Sum
from codesign.ir.geometry import Shape

UNKNOWN = "?"  # begins the edges behind an operation that is refused


class RefusedError(Exception):
    """One operation that no chip has: why, and what the user can do."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}; {advice}")
        self.why, self.advice = why, advice


class ShapeRefusedError(RefusedError):
    """The same because of a shape: unknown behind an operation that is refused itself."""


class OffsetFoundError(Exception):
    """An offset that the program has to subtract from its inputs: the graph is built again with it."""

    def __init__(self, offset: Real) -> None:
        super().__init__("offset")
        self.offset = offset  # (channels, 1 or pixels)


def canonical(shape: Shape) -> Shape:
    """(features,) or (channels, height, width) of one image of the user's; signals have height 1."""
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    if len(shape) in (1, 3):
        return shape
    raise ShapeRefusedError(
        f"it makes {len(shape)}-dimensional values of each image", "use (features,), (channels, length) or images"
    )


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the user's forward: `gain * edge + offset`, its values in the edge's order.

    gain and offset are (channels, 1), or (channels, pixels) where they differ within a channel.
    """

    edge: str
    shape: Shape  # of one image, as the user sees it
    gain: Real
    offset: Real
    waiting: tuple[list[str], ...] = ()  # for each operation that waits in gain and offset: who takes it

    @property
    def plain(self) -> bool:
        """Whether it is the edge itself."""
        return bool((self.gain == 1).all() and (self.offset == 0).all())

    def taken(self, name: str) -> None:
        """The operation `name` contains gain and offset."""
        for takers in self.waiting:
            if name not in takers:
                takers.append(name)


def whole(edge: str, shape: Shape) -> Value:
    """An edge as it is."""
    channels = canonical(shape)[0]
    return Value(edge, shape, np.ones((channels, 1)), np.zeros((channels, 1)))


def compact(values: Real) -> Real:
    """(channels, pixels) as (channels, 1) if every channel has one value."""
    first = values[:, :1]
    return first if (values == first).all() else values


def reshaped(value: Value, shape: Shape) -> Value:
    """The same values in the same order, seen in another shape."""
    old, new = canonical(value.shape), canonical(shape)
    full = (old[0], int(np.prod(old[1:], dtype=int)))
    both = (compact(np.broadcast_to(v, full).reshape(new[0], -1)) for v in (value.gain, value.offset))
    gain, offset = both
    return replace(value, shape=shape, gain=gain, offset=offset)


@dataclass(eq=False)
class Fold:
    """Operations so far, by name, and the shape of every edge; that of "input" is fixed by its first reader.

    alone: whether the operation in progress is the last of the user's that reads an edge.
    """

    alone: Callable[[str], bool]
    ops: dict[str, Op] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    offset: Real = field(default_factory=lambda: np.zeros((1, 1)))  # that the program subtracts from its inputs
    gain: Real = field(default_factory=lambda: np.ones(1))  # of the inputs, where weights contain it

    def name(self, path: str) -> str:
        """A name for an operation at a module's path that nothing has yet."""
        name = "".join(c if c.isalnum() else "_" for c in path) or f"layer{len(self.ops)}"
        name = f"layer{name}" if name[0].isdigit() else name
        taken = {"input", *self.ops}
        return name if name not in taken else next(n for k in range(2, 10**6) if (n := f"{name}_{k}") not in taken)

    def put(self, op: Op, shape: Shape) -> None:
        """A new operation whose edge has `shape`."""
        self.ops[op.name], self.shapes[op.name] = op, shape

    def edge_shape(self, value: Value) -> Shape:
        """The shape of a value's edge. An input takes the shape in which it is read first."""
        return self.shapes.setdefault(value.edge, canonical(value.shape))

    def sole(self, name: str, reader: str = "") -> bool:
        """Whether nothing reads an edge but the operation in progress, or `reader`."""
        return self.alone(name) and all(op.name == reader for op in self.ops.values() if name in op.sources)

    def per_channel(self, value: Value) -> tuple[Real, Real] | None:
        """A value's gain and offset for each channel of its edge; None if they differ within a channel."""
        shape = self.edge_shape(value)
        seen = reshaped(value, shape)
        return (
            None
            if seen.gain.shape[1] > 1 or seen.offset.shape[1] > 1
            else (seen.gain[:, 0].copy(), seen.offset[:, 0].copy())
        )

    def limits(self, name: str) -> Clamp:
        """The range of an edge's values."""
        op = self.ops.get(name)
        if op is not None and op.act is not None:
            return op.act
        return self.limits(op.source) if isinstance(op, Pool) else Clamp(-INF, INF)

    def absorb(self, name: str, gain: Real, offset: Real, reader: str = "") -> str:
        """Put a gain and an offset per channel into what makes an edge; its name, "" if that is not exact."""
        op = self.ops.get(name)
        if op is None or op.act is not None or not self.sole(name, reader):
            return ""
        match op:
            case Matrix(norm=Norm() as n):
                norm = replace(n, gain=n.gain * gain, offset=n.offset * gain + offset)
                self.ops[name] = replace(op, norm=norm)
            case Matrix():
                weight = op.weight * gain.reshape(-1, *(1,) * (op.weight.ndim - 1))
                self.ops[name] = replace(op, weight=weight, bias=op.bias * gain + offset)
            case Sum():
                scaled = (op.gain * gain, op.other_gain * gain, op.bias * gain + offset)
                self.ops[name] = replace(op, gain=scaled[0], other_gain=scaled[1], bias=scaled[2])
            case Pool():  # the mean, and the largest if the order stays, of scaled values
                kept = not op.largest or bool((gain >= 0).all())
                return self.absorb(op.source, gain, offset, name) if kept else ""
        return name

    def clip(self, name: str, act: Clamp, reader: str = "") -> str:
        """Put an activation behind the operation that makes an edge; its name, "" if something else reads the edge."""
        op = self.ops.get(name)
        if op is None or not self.sole(name, reader):
            return ""
        if isinstance(op, Pool) and op.largest:  # clipping keeps the order, so it may come first
            return self.clip(op.source, act, name)
        self.ops[name] = replace(op, act=act if op.act is None else both(op.act, act))
        return name


def both(first: Clamp, then: Clamp) -> Clamp:
    """One activation that does what two in a row do. Raises RefusedError if its output never changes."""
    lo, hi = (float(v) for v in then(np.array([first.lo, first.hi])))
    if lo == hi:
        raise RefusedError(f"its output is always {lo:g} behind {first}", "check the limits of both activations")
    return Clamp(lo, hi)
