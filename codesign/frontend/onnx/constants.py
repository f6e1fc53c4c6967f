"""Constant folding: what the file computes from its own constants, weights through Quant among them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codesign.errors import CodesignError, InputError
from codesign.fixed import Ints
from codesign.frontend.graph import Real
from codesign.frontend.onnx import arithmetic
from codesign.frontend.onnx.model import Array, Node, refuse
from codesign.frontend.onnx.quantizer import Quantizer
from codesign.ir.geometry import Shape

MAX_VALUES = 1 << 27  # of one folded constant: a small file must not become a large array


@dataclass(frozen=True, eq=False)
class Const:
    """A constant: as floats or integers of the file and, behind a quantizer, as `ints * scale`.

    label: the initializer that it comes from, as `fc1.weight`; "" if it comes from several.
    """

    array: Array
    ints: Ints | None = None
    scale: Real | None = None  # of the shape of ints
    label: str = ""

    def through(self, change: Callable[[Array], Array]) -> "Const":
        """The same values elsewhere: transposed, say."""
        if self.ints is None or self.scale is None:
            return Const(change(self.array), label=self.label)
        return Const(change(self.array), change(self.ints), change(self.scale), self.label)


def folded(node: Node, args: list[Const | None]) -> Const:
    """What a node makes of constants. Raises UnsupportedError for an operation that is not known for them."""
    try:
        found = _folded(node, args)
    except CodesignError:
        raise
    except Exception:  # numpy raises many kinds for shapes and axes that contradict each other
        shapes = [None if a is None else a.array.shape for a in args]
        raise InputError(f"{node.where}: cannot take constants of shapes {shapes}; export the model again") from None
    if found.array.size > MAX_VALUES:
        raise _too_large(node, found.array.size)
    return found


def _folded(node: Node, args: list[Const | None]) -> Const:
    first = args[0] if args else None
    label = first.label if first is not None else ""
    if node.op == "Constant":
        return Const(_constant(node))
    if node.op in ("Quant", "BipolarQuant") and first is not None:
        return _quantized(node, args)
    if node.op in _MOVES and first is not None:
        rest = [None if a is None else a.array for a in args[1:]]
        return first.through(lambda v: _MOVES[node.op](node, v, rest))
    if node.op in arithmetic.SAME and first is not None:
        return first
    arrays = [None if a is None else a.array for a in args]
    if node.op == "Sign" and first is not None:
        signs = arithmetic.apply(node, arrays)
        return Const(signs, signs.astype(np.int64), np.ones(signs.shape), label)
    if node.op in arithmetic.ELEMENTWISE and node.op != "BatchNormalization":
        size = np.prod(np.broadcast_shapes(*(a.shape for a in arrays if a is not None)), dtype=float)
        if size > MAX_VALUES:
            raise _too_large(node, int(size))
        return _scaled(node, args, Const(arithmetic.apply(node, arrays), label=label))
    if node.op in _MAKES and all(a is not None for a in arrays):
        return Const(np.asarray(_MAKES[node.op](node, [np.asarray(a) for a in arrays])), label=label)
    raise refuse(node, "is not supported for constants", "simplify the model before exporting (constant folding)")


def _scaled(node: Node, args: list[Const | None], found: Const) -> Const:
    """What a Mul or Div made of integers and a plain constant, with these integers and their new scale."""
    whole = [a for a in args if a is not None and a.ints is not None]
    if node.op not in ("Mul", "Div") or len(whole) != 1 or (node.op == "Div" and args[0] is not whole[0]):
        return found
    of, by = whole[0], next(a for a in args if a is not None and a is not whole[0])
    if of.ints is None or of.scale is None or found.array.shape != of.ints.shape:
        return found
    change = by.array.astype(np.float64)
    scale = of.scale * change if node.op == "Mul" else of.scale / change
    return Const(found.array, of.ints, scale, of.label) if scale.all() else found


def _constant(node: Node) -> Array:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        value = node.attributes.get(name)
        if value is not None:
            found = np.asarray(value)
            return found.astype(np.float32) if name.startswith("value_float") else found
    raise refuse(node, "holds no numbers", "store tensors in it")


def _quantized(node: Node, args: list[Const | None]) -> Const:
    first, *rest = args
    assert first is not None
    q = Quantizer.of(node, [None if a is None else a.array for a in rest])
    scale = np.broadcast_to(q.scale.astype(np.float64), np.broadcast_shapes(q.scale.shape, first.array.shape))
    if scale.shape != first.array.shape:
        raise InputError(f"{node.where}: scale of shape {q.scale.shape} does not suit weights of {first.array.shape}")
    levels = q.levels(np.asarray(first.array, np.float32))
    if q.base and not q.bipolar:
        raise refuse(node, f"its weights have a zero point of {-q.base}", "use zero point 0, as cells in pairs do")
    return Const(q.reals(levels), q.unit * levels + q.base, np.array(scale), first.label)


def _axes(node: Node, rest: list[Array | None]) -> list[int] | None:
    """Axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since."""
    given = rest[0] if rest else node.attributes.get("axes")
    return None if given is None else [int(a) for a in np.asarray(given).ravel()]


def _unsqueeze(node: Node, v: Array, rest: list[Array | None]) -> Array:
    axes = _axes(node, rest) or []
    if len(axes) + v.ndim > 8:
        raise refuse(node, f"makes {len(axes) + v.ndim} axes", "use at most 8")
    return np.expand_dims(v, tuple(axes))


def _squeeze(node: Node, v: Array, rest: list[Array | None]) -> Array:
    axes = _axes(node, rest)
    return np.squeeze(v) if axes is None else np.squeeze(v, tuple(axes))


def new_shape(node: Node, old: Shape, wanted: Array) -> Shape:
    """The shape that Reshape gives: -1 is what is left, 0 the old size. Raises InputError when sizes do not suit."""
    target = [int(n) for n in np.asarray(wanted).ravel()]
    if not node.get("allowzero", 0):
        target = [old[k] if n == 0 and k < len(old) else n for k, n in enumerate(target)]
    known = int(np.prod([n for n in target if n != -1], dtype=float))
    whole = int(np.prod(old, dtype=float))
    if target.count(-1) == 1 and known > 0 and whole % known == 0:
        target[target.index(-1)] = whole // known
    if any(n < 0 for n in target) or int(np.prod(target, dtype=float)) != whole:
        raise InputError(f"{node.where}: cannot make shape {target} of {list(old)}; export the model again")
    return tuple(target)


def _reshape(node: Node, v: Array, rest: list[Array | None]) -> Array:
    if not rest or rest[0] is None:
        raise refuse(node, "lacks a shape", "export the model again")
    return v.reshape(new_shape(node, v.shape, rest[0]))


def _flatten(node: Node, v: Array, _: list[Array | None]) -> Array:
    axis = int(node.get("axis", 1)) % (v.ndim + 1)
    return v.reshape(int(np.prod(v.shape[:axis])), -1)


def _slice(_: Node, v: Array, rest: list[Array | None]) -> Array:
    arrays = [None if a is None else np.asarray(a).ravel() for a in rest]
    starts, ends, axes, steps = [*arrays, None, None, None, None][:4]
    assert starts is not None and ends is not None
    cut = [slice(None)] * v.ndim
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = k if axes is None else int(axes[k])
        cut[axis] = slice(int(start), int(end), None if steps is None else int(steps[k]))
    return v[tuple(cut)]


_MOVES: dict[str, Callable[[Node, Array, list[Array | None]], Array]] = {
    "Transpose": lambda n, v, _: np.transpose(v, n.get("perm", None)),
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
}
_CAST = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float32, 11: np.float64, 16: np.float32}


def _cast(node: Node, args: list[Array]) -> Array:
    kind = _CAST.get(int(node.get("to", 0)))
    if kind is None:
        raise refuse(node, f"casts to type {node.get('to', 0)}", "keep floats in float32")
    return args[0].astype(kind)


_MAKES: dict[str, Callable[[Node, list[Array]], Array]] = {
    "Cast": _cast,
    "Shape": lambda _, args: np.array(args[0].shape, np.int64),
    "Gather": lambda n, args: np.take(args[0], args[1].astype(np.int64), axis=int(n.get("axis", 0))),
    "Concat": lambda n, args: np.concatenate(args, axis=int(n.get("axis", 0))),
}


def _too_large(node: Node, size: int) -> InputError:
    return InputError(f"{node.where}: would make {size:,} constant values, at most {MAX_VALUES:,} are allowed")
