"""What a user's operations make of values: each folds into the graph, waits on its edge, or becomes an operation.

`path` is where the user finds the operation; the new operation takes its name from it.
"""

from dataclasses import replace

import numpy as np

from codesign.frontend.fold import (
    Fold,
    OffsetFoundError,
    RefusedError,
    ShapeRefusedError,
    Value,
    both,
    canonical,
    compact,
    whole,
)
from codesign.frontend.graph import INF, Clamp, Matrix, Norm, Pool, Real, Sum
from codesign.ir.geometry import Shape, Window

NOISE = 1e-12  # of an offset that was subtracted before: what rounding leaves of it
OFFSET = "the offset of the inputs"  # what takes an offset that the program subtracts
PIXELS = "keep one value per channel"


def linear(fold: Fold, path: str, name: str, value: Value, weight: Real, bias: Real) -> Value:
    """`value @ weight.T + bias` of (features,)."""
    gain, offset = (np.broadcast_to(v, (weight.shape[1], 1))[:, 0] for v in (value.gain, value.offset))
    op = Matrix(name, path, value.edge, weight * gain, bias + weight @ offset)
    fold.put(op, (len(weight),))
    _take(fold, value, name)
    return whole(name, (len(weight),))


def convolution(
    fold: Fold, path: str, name: str, value: Value, weight: Real, bias: Real, window: Window, groups: int, shape: Shape
) -> Value:
    """A convolution of an image, weight (outputs, channels // groups, height, width), to the user's `shape`."""
    image(fold, value)
    if value.gain.shape[1] > 1:
        raise RefusedError("the values before it are scaled pixel by pixel", f"{PIXELS} in that scale")
    drive = value.offset
    if window.padding != (0, 0) or drive.shape[1] > 1:
        value = _unbiased(fold, path, value)
        drive = np.zeros((len(value.gain), 1))
    outputs, inputs = weight.shape[:2]
    read = np.arange(outputs)[:, None] // (outputs // groups) * inputs + np.arange(inputs)  # channels of each output
    gain, offset = value.gain[read, 0], drive[read, 0]
    bias = bias + (weight.sum((2, 3)) * offset).sum(1)
    fold.put(Matrix(name, path, value.edge, weight * gain[:, :, None, None], bias, window, groups), canonical(shape))
    _take(fold, value, name)
    return whole(name, shape)


def pooled(fold: Fold, path: str, name: str, value: Value, window: Window, largest: bool, shape: Shape) -> Value:
    """The largest value or the mean of every window, to the user's `shape`."""
    size, edge = canonical(value.shape), fold.edge_shape(value)
    if size != edge and len(size) == 3 and 1 in size[1:] and edge == (size[0], size[2], size[1]):
        size, window = edge, Window(window.size[::-1], window.stride[::-1])  # a column, seen as a row
    else:
        image(fold, value)
    if not window.fits(size):
        raise ShapeRefusedError("its window is larger than its input", "use a smaller window")
    if value.gain.shape[1] > 1 or value.offset.shape[1] > 1:
        raise RefusedError("the values before it are scaled or moved pixel by pixel", f"{PIXELS} in that operation")
    if largest and (value.gain < 0).any():  # the largest would become the smallest
        value = standalone(fold, path, value)
    fold.put(Pool(name, path, value.edge, window, largest), window.over(size))
    return replace(value, edge=name, shape=shape)


def added(fold: Fold, path: str, name: str, a: Value, b: Value, factor: float) -> Value:
    """`a + factor * b` of two edges."""
    if a.shape != b.shape:
        raise ShapeRefusedError(
            f"it adds values of shapes {a.shape} and {b.shape} for each image", "add values of one shape"
        )
    shapes = fold.edge_shape(a), fold.edge_shape(b)
    if shapes[0] != shapes[1]:
        raise ShapeRefusedError(
            f"it adds an edge of shape {shapes[0]} to one of {shapes[1]}", "add them before they are reshaped"
        )
    ends = fold.per_channel(a), fold.per_channel(b)
    if ends[0] is None or ends[1] is None:
        raise RefusedError("the values before it are scaled or moved pixel by pixel", f"{PIXELS} in that operation")
    (gain, offset), (other, moved) = ends[0], ends[1]
    fold.put(Sum(name, path, a.edge, b.edge, gain, factor * other, offset + factor * moved), shapes[0])
    a.taken(name)
    b.taken(name)
    return whole(name, a.shape)


def scaled(fold: Fold, value: Value, gain: Real, offset: Real, norm: Norm | None = None) -> tuple[Value, str]:
    """`gain * value + offset`, both (channels, 1 or pixels), and the operation that takes them; "" if they wait.

    norm: the same as the batch norm that it is.
    """
    op = fold.ops.get(value.edge)
    if (
        norm is not None
        and isinstance(op, Matrix)
        and (op.act, op.norm) == (None, None)
        and value.plain
        and len(norm.gain) == len(op.weight)
        and fold.sole(value.edge)
    ):
        fold.ops[value.edge] = replace(op, norm=norm)
        return value, value.edge
    new = replace(value, gain=compact(value.gain * gain), offset=compact(value.offset * gain + offset))
    ends = fold.per_channel(new) if op is not None else None
    name = fold.absorb(value.edge, *ends) if ends is not None else ""
    return (whole(value.edge, value.shape), name) if name else (new, "")


def clipped(fold: Fold, path: str, value: Value, act: Clamp) -> tuple[Value, str]:
    """An activation, and the operation that takes it; "" if it changes nothing."""
    limits = fold.limits(value.edge)
    alive = value.gain != 0  # 0 * infinity is no number
    ends = [
        np.multiply(value.gain, end, out=np.zeros_like(value.gain), where=alive) + value.offset
        for end in (limits.lo, limits.hi)
    ]
    if min(e.min() for e in ends) >= act.lo and max(e.max() for e in ends) <= act.hi:
        return value, ""
    if value.edge not in fold.ops and value.edge == "input":
        raise RefusedError("it must follow a layer, it reads the model's input", "clip the inputs before the network")
    edge = _behind(value, act)
    name = fold.clip(value.edge, edge) if edge is not None else ""
    if name:
        return value, name
    both(limits if value.plain else Clamp(-INF, INF), act)
    value = standalone(fold, path, value)
    return value, fold.clip(value.edge, act) or value.edge


def standalone(fold: Fold, path: str, value: Value) -> Value:
    """A layer of its own that only scales and moves each channel: what folds nowhere else."""
    shape = fold.edge_shape(value)
    ends = fold.per_channel(value)
    if ends is None:
        raise RefusedError(
            "its input is scaled or moved pixel by pixel", "put the batch norm before flatten, as BatchNorm2d"
        )
    gain, offset = ends
    name = fold.name(f"{path}.scale")
    if len(shape) == 1:
        fold.put(Matrix(name, path, value.edge, np.diag(gain), offset), shape)
    else:
        weight = gain.reshape(-1, 1, 1, 1)
        fold.put(Matrix(name, path, value.edge, weight, offset, Window.square(1), len(gain)), shape)
    value.taken(name)
    return whole(name, value.shape)


def image(fold: Fold, value: Value) -> Shape:
    """(channels, height, width) of a value that is read as an image. Raises RefusedError if its edge is not that."""
    shape, edge = canonical(value.shape), fold.edge_shape(value)
    if len(shape) != 3:
        raise ShapeRefusedError(f"it reads {shape[0]} features, not an image", "use a linear layer")
    if shape != edge:
        raise ShapeRefusedError(
            f"its input of shape {edge} was reshaped to {value.shape}", "keep the shape, or reshape the inputs only"
        )
    return shape


def _take(fold: Fold, value: Value, name: str) -> None:
    """The weights of the operation `name` contain the gain of a value."""
    value.taken(name)
    if value.edge == "input":
        fold.gain = value.gain.ravel()


def _behind(value: Value, act: Clamp) -> Clamp | None:
    """The activation of the edge that is `act` of the value; None if it would differ from channel to channel."""
    if (value.gain == 0).any():
        return None
    ends = np.stack(np.broadcast_arrays(*((end - value.offset) / value.gain for end in (act.lo, act.hi))))
    low, high = ends.min(0), ends.max(0)
    return Clamp(float(low.flat[0]), float(high.flat[0])) if _same(low) and _same(high) else None


def _same(values: Real) -> bool:
    return bool((values == values.flat[0]).all())


def _unbiased(fold: Fold, path: str, value: Value) -> Value:
    """A value without an offset, since padding puts true zeros beside it."""
    root, shape = value.edge, fold.shapes[value.edge]
    while isinstance(op := fold.ops.get(root), Pool) and op.act is None:
        root = op.source
    settled = bool(fold.offset.any())
    small = NOISE * np.abs(value.gain) * np.abs(fold.offset).max() if root == "input" else 0.0
    if (np.abs(value.offset) <= small).all():
        if settled and root == "input":
            value.taken(OFFSET)
        return replace(value, offset=np.zeros((shape[0], 1)))
    fits = root == value.edge or value.offset.shape[1] == 1  # pixels differ behind pooling
    if root == "input" and not settled and fits and (value.gain != 0).all():
        raise OffsetFoundError(-value.offset / value.gain)
    return standalone(fold, path, value)
