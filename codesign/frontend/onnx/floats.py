"""A float model, node by node: it becomes the real-valued graph that post-training quantization takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codesign.account import Row
from codesign.errors import InputError, UnsupportedError
from codesign.frontend.build import added, clipped, convolution, linear, pooled, scaled
from codesign.frontend.fold import Fold, OffsetFoundError, RefusedError, Value, canonical, compact, reshaped, whole
from codesign.frontend.graph import INF, Clamp, Graph, Norm, Real
from codesign.frontend.onnx import arithmetic, shapes
from codesign.frontend.onnx.constants import Const, folded
from codesign.frontend.onnx.kinds import LARGEST, MATRICES, MEANS, MOVES
from codesign.frontend.onnx.model import Model, Node, refuse
from codesign.frontend.onnx.weights import bias_of, name_of, outputs_first
from codesign.frontend.outputs import ended

Read = list[Const | Value | None]
TAILS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "ArgMax": "argmax"}
SUPPORTED = "linear layers, convolutions, pooling, batch norm, ReLU and clips, sums, and softmax at the end"


def graph_of(model: Model) -> Graph:
    """The graph of a float model. Raises UnsupportedError naming the first node that no chip has, and what to do."""
    try:
        return _Walk(model, np.zeros((1, 1))).graph()
    except OffsetFoundError as e:  # an offset of the inputs that a padded convolution cannot take
        return _Walk(model, e.offset).graph()


@dataclass(eq=False)
class _Walk:
    model: Model
    offset: Real  # (channels, 1 or pixels) that the program subtracts from its inputs
    values: dict[str, Const | Value] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    tail: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    now: int = 0
    fold: Fold = field(init=False)

    def __post_init__(self) -> None:
        self.fold = Fold(self._alone, offset=self.offset)
        self.values = {name: Const(v, label=name) for name, v in self.model.constants.items()}
        value, size = whole("input", self.model.shape), int(np.prod(self.model.shape))
        channels = len(value.gain)
        full = np.broadcast_to(self.offset, (len(self.offset), size // len(self.offset)))
        self.values[self.model.input] = Value("input", value.shape, value.gain, compact(full.reshape(channels, -1)))

    def graph(self) -> Graph:
        for position, node in enumerate(self.model.nodes):
            self.now = position
            read = [self.values[i] if i else None for i in node.inputs]
            try:
                self.values[node.outputs[0]] = self._value(node, read)
            except RefusedError as e:
                raise UnsupportedError(f"{node.where}: {e}") from None
        end = self.values[self.model.output]
        if isinstance(end, Const):
            raise UnsupportedError("the output does not depend on the input; export the model again")
        try:
            last = ended(self.fold, end)
        except RefusedError as e:
            raise UnsupportedError(f"model: {e}") from None
        needed, ops = {last}, []
        for op in reversed(self.fold.ops.values()):
            if op.name in needed:
                needed |= set(op.sources)
                ops.append(op)
        offset = compact(self.fold.offset)
        flat = offset[:1, :1] if (offset == offset[0, 0]).all() else offset
        moved = tuple(float(v) for v in flat.ravel()) if flat.any() else ()
        shape = self.fold.shapes.get("input", (int(np.prod(self.model.shape)),))
        return Graph(tuple(ops[::-1]), shape, moved, tuple(self.tail), (), tuple(self.rows))

    def _alone(self, edge: str) -> bool:
        """Whether no node after the one in progress reads a value of this edge."""
        names = {n for n, v in self.values.items() if isinstance(v, Value) and v.edge == edge}
        return not any(names & set(n.inputs) for n in self.model.nodes[self.now + 1 :])

    def _row(self, node: Node, verdict: str, what: str) -> None:
        self.rows.append(Row(node.name, node.op, verdict, what))

    def _value(self, node: Node, read: Read) -> Const | Value:
        values = [v for v in read if isinstance(v, Value)]
        if node.op == "Shape" and values:
            return Const(np.array([1, *values[0].shape], np.int64))
        if not values:
            return folded(node, [v if isinstance(v, Const) else None for v in read])
        if self.tail and node.op not in TAILS:
            raise refuse(node, "reads what is behind a softmax", "end the model in its last layer, or in a softmax")
        handler = _HANDLERS.get(node.op)
        if handler is None:
            raise refuse(node, "is not supported", f"use {SUPPORTED}")
        if not isinstance(read[0], Value) and node.op not in ("Add", "Sub", "Mul", "Max", "Min"):
            raise refuse(node, "takes an activation where constants belong", "store its weights in the file")
        return handler(self, node, read)

    def matrix(self, node: Node, read: Read) -> Value:
        value, given = read[0], read[1] if len(read) > 1 else None
        if not isinstance(value, Value) or not isinstance(given, Const):
            raise refuse(node, "does not multiply activations by constant weights", "store its weights in the file")
        weight = outputs_first(node, given, len(value.shape) + 1 if node.op == "Conv" else 2)
        w = weight.array.astype(np.float64) * float(node.get("alpha", 1.0))
        bias = bias_of(node, read[2] if len(read) > 2 else None, len(w))
        b = np.zeros(len(w)) if bias is None else np.broadcast_to(bias.astype(np.float64), len(w))
        name, path = name_of(node, given, {"input", *self.fold.ops})
        how = shapes.reading(node, value.shape, w.shape)
        self._row(node, "mapped to", name)
        if how.window is None:
            return linear(self.fold, path, name, value, w, b)
        w = w if w.ndim == 4 else w[:, :, None, :]
        return convolution(self.fold, path, name, value, w, b, how.window, how.groups, how.shape)

    def affine(self, node: Node, value: Value, gain: Real, offset: Real, norm: Norm | None = None) -> Value:
        found, name = scaled(self.fold, value, gain, offset, norm)
        self._row(node, "folded into", name or "what reads it")
        return found

    def arithmetic(self, node: Node, read: Read) -> Value:
        a, b = (*read, None, None)[:2]
        one, zero, sign = np.ones((1, 1)), np.zeros((1, 1)), -1.0 if node.op == "Sub" else 1.0
        if isinstance(a, Value) and isinstance(b, Value):
            if node.op not in ("Add", "Sub"):
                raise refuse(node, "combines two activations", "only Add and Sub do that")
            name, path = name_of(node, None, {"input", *self.fold.ops})
            self._row(node, "mapped to", name)
            return added(self.fold, path, name, a, b, sign)
        value, constant = (a, b) if isinstance(a, Value) else (b, a)
        assert isinstance(value, Value)
        if not isinstance(constant, Const):
            raise refuse(node, "lacks an input", "export the model again")
        c = _each(node, value, constant.array)
        if node.op == "Mul":
            return self.affine(node, value, c, zero)
        if node.op == "Div":
            if not c.all():
                raise InputError(f"{node.where}: divides by 0; give a standard deviation above 0")
            return self.affine(node, value, 1 / c, zero)
        return self.affine(node, value, one if value is a else sign * one, sign * c if value is a else c)

    def negated(self, node: Node, read: Read) -> Value:
        return self.affine(node, _first(read), -np.ones((1, 1)), np.zeros((1, 1)))

    def batch_norm(self, node: Node, read: Read) -> Value:
        value, constants = _first(read), [v.array for v in read[1:] if isinstance(v, Const)]
        channels = canonical(value.shape)[0]
        if len(constants) != 4 or node.get("training_mode", 0) or any(c.size != channels for c in constants):
            raise refuse(node, "is in training mode, or its numbers do not suit its channels", "export in eval mode")
        gain, offset, mean, variance = (c.astype(np.float64).ravel() for c in constants)
        eps = float(node.get("epsilon", 1e-5))
        if (variance + eps <= 0).any():
            raise InputError(f"{node.where}: a variance is not above 0; train again")
        scale = gain / np.sqrt(variance + eps)
        norm = Norm(gain, offset, mean, variance, eps)
        return self.affine(node, value, scale[:, None], (offset - mean * scale)[:, None], norm)

    def clip(self, node: Node, read: Read) -> Value:
        lo, hi = 0.0, INF
        if node.op == "Clip":
            given = [v.array if isinstance(v, Const) else None for v in (*read[1:3], None, None)[:2]]
            before = node.get("min", None), node.get("max", None)  # as attributes, until opset 11
            ends = [w if v is None else _one(node, v) for v, w in zip(given, before, strict=True)]
            lo, hi = (-INF if ends[0] is None else float(ends[0])), (INF if ends[1] is None else float(ends[1]))
        elif node.op in ("Max", "Min"):
            constants = [v.array for v in read if isinstance(v, Const)]
            if len(read) != 2 or len(constants) != 1:
                raise refuse(node, "compares two activations", "compare with a constant")
            limit = _one(node, constants[0])
            lo, hi = (limit, INF) if node.op == "Max" else (-INF, limit)
        if not lo < hi:
            raise refuse(node, f"its limits are {lo:g} and {hi:g}", "give a lower limit below the upper one")
        value, name = clipped(self.fold, node.name, _first(read), Clamp(lo, hi))
        self._row(node, "folded into" if name else "dropped", name or "changes nothing: the values lie in its range")
        return value

    def pool(self, node: Node, read: Read) -> Value:
        value = _first(read)
        image = shapes.image(node, value.shape)
        arrays = [v.array if isinstance(v, Const) else None for v in read]
        window = shapes.pooling(node, image, arrays)
        shape = shapes.pooled(node, value.shape, window)
        if window.size == window.stride == (1, 1):
            self._row(node, "dropped", "its window is one pixel")
            return reshaped(value, shape)
        name, path = name_of(node, None, {"input", *self.fold.ops})
        largest = node.op in LARGEST
        result = pooled(self.fold, path, name, value, window, largest, window.over(image))
        self._row(node, "mapped to", name)
        return reshaped(result, shape)

    def move(self, node: Node, read: Read) -> Value:
        value = _first(read)
        shape = shapes.moved(node, value.shape, [v.array if isinstance(v, Const) else None for v in read])
        self._row(node, "dropped", "changes only the shape")
        return reshaped(value, shape)

    def same(self, node: Node, read: Read) -> Value:
        if node.op == "Cast" and int(node.get("to", 0)) not in (1, 11):
            raise refuse(node, "casts activations to integers or half floats", "keep them in float32")
        mode = read[2] if len(read) > 2 else None
        if node.op == "Dropout" and isinstance(mode, Const) and mode.array.any():
            raise refuse(node, "is in training mode", "export the model in eval mode")
        self._row(node, "dropped", "keeps every value")
        return _first(read)

    def end(self, node: Node, read: Read) -> Value:
        value = _first(read)
        absent = 1 if self.model.opset < 13 else -1
        axis = int(node.get("axis", 0 if node.op == "ArgMax" else absent)) % (len(value.shape) + 1)
        if len(value.shape) != 1 or axis != 1:
            raise refuse(node, "does not run over classes", "apply it to (images, classes) along axis 1")
        self.tail.append((TAILS[node.op], {"dim": 1}))
        self._row(node, "dropped", "the chip leaves scores in the same order")
        return value


def _first(read: Read) -> Value:
    return next(v for v in read if isinstance(v, Value))


def _one(node: Node, array: Any) -> float:
    if array.size != 1:
        raise refuse(node, "its limit differs from value to value", "clip to one number")
    return float(array.ravel()[0])


def _each(node: Node, value: Value, constant: Any) -> Real:
    """A constant beside a value, as (channels, 1) or (channels, pixels)."""
    array = np.asarray(constant, np.float64)
    axes = (1, *value.shape)
    wide = (1,) * (len(axes) - array.ndim) + array.shape
    if len(wide) != len(axes) or any(n not in (1, m) for n, m in zip(wide, axes, strict=True)):
        raise refuse(
            node,
            f"a constant of shape {list(array.shape)} widens {list(axes)}",
            "use constants that broadcast over images",
        )
    return compact(np.broadcast_to(array, axes).reshape(canonical(value.shape)[0], -1))


_HANDLERS: dict[str, Callable[[_Walk, Node, Read], Value]] = {
    **dict.fromkeys(MATRICES, _Walk.matrix),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _Walk.arithmetic),
    **dict.fromkeys(("Relu", "Clip", "Max", "Min"), _Walk.clip),
    **dict.fromkeys((*LARGEST, *MEANS), _Walk.pool),
    **dict.fromkeys(MOVES, _Walk.move),
    **dict.fromkeys((*arithmetic.SAME, "Cast"), _Walk.same),
    **dict.fromkeys(TAILS, _Walk.end),
    "Neg": _Walk.negated,
    "BatchNormalization": _Walk.batch_norm,
}
