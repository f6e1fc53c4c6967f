"""The file's own arithmetic in numpy: elementwise operations as ONNX and QONNX define them, in the dtype of the file.

One function serves constants, which are folded, and accumulators, which are tried one by one; in both cases the order
of operations and every rounding to float32 are the file's.
"""

from collections.abc import Callable, Sequence

import numpy as np

from codesign.errors import InputError
from codesign.frontend.onnx.model import Array, Node, refuse

Args = Sequence[Array | None]

ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.rint,  # halves to even
    "HALF_EVEN": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + np.float32(0.5)),  # halves away from 0
}


def _clip(node: Node, args: Args) -> Array:
    x = args[0]
    assert x is not None
    limits: list[Array | float | None] = [node.get("min", None), node.get("max", None)]  # as before opset 11
    for k, given in enumerate(args[1:3]):
        limits[k] = given
    lo, hi = (v if v is None else np.asarray(v, x.dtype) for v in limits)
    y = x if lo is None else np.maximum(x, lo)
    return np.asarray(y if hi is None else np.minimum(y, hi))


def _batch_norm(node: Node, args: Args) -> Array:
    x, gain, offset, mean, variance = (np.asarray(a) for a in args[:5])
    eps = np.asarray(node.get("epsilon", 1e-5), variance.dtype)
    return np.asarray((x - mean) / np.sqrt(variance + eps) * gain + offset)


def _binary(ufunc: np.ufunc) -> Callable[[Node, Args], Array]:
    return lambda _, args: np.asarray(ufunc(*_alike(args[0], args[1])))


def _unary(function: Callable[[Array], Array]) -> Callable[[Node, Args], Array]:
    return lambda _, args: np.asarray(function(np.asarray(args[0])))


def _alike(a: Array | None, b: Array | None) -> tuple[Array, Array]:
    """Both operands in the wider of their float types, so that numpy never computes wider than the file."""
    assert a is not None and b is not None
    kinds = [v.dtype for v in (a, b) if v.dtype.kind == "f"]
    kind = max(kinds, key=lambda d: d.itemsize) if kinds else np.result_type(a, b)
    return a.astype(kind, copy=False), b.astype(kind, copy=False)


ELEMENTWISE: dict[str, Callable[[Node, Args], Array]] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(np.divide),
    "Pow": _binary(np.power),
    "Min": _binary(np.minimum),
    "Max": _binary(np.maximum),
    "Sqrt": _unary(np.sqrt),
    "Neg": _unary(np.negative),
    "Sign": _unary(np.sign),
    "Reciprocal": _unary(np.reciprocal),
    "Relu": _unary(lambda x: np.maximum(x, np.zeros((), x.dtype))),
    "Identity": _unary(np.asarray),
    "Dropout": _unary(np.asarray),
    "Clip": _clip,
    "BatchNormalization": _batch_norm,
}
SAME = ("Identity", "Dropout")


def apply(node: Node, args: Args) -> Array:
    """The output of an elementwise node. Raises InputError when it divides by 0 or leaves the numbers.

    Integer division is not defined here: shapes need none.
    """
    if any(a is None for a in args[: 5 if node.op == "BatchNormalization" else 1]) or not args:
        raise InputError(f"{node.where}: lacks an input; export the model again")
    if node.op == "Dropout" and len(args) > 2 and args[2] is not None and bool(np.any(args[2])):
        raise refuse(node, "is in training mode", "export the model in eval mode")
    if node.op == "BatchNormalization" and (len(args) != 5 or node.get("training_mode", 0)):
        raise refuse(node, "is in training mode or lacks inputs", "export the model in eval mode")
    if node.op in ("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max") and (len(args) != 2 or args[1] is None):
        raise refuse(node, f"has {len(args)} inputs", "give it two")
    with np.errstate(all="ignore"):
        found = ELEMENTWISE[node.op](node, args)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InputError(f"{node.where}: gives NaN or infinity; check its constants")
    return found


def nearest(node: Node) -> bool:
    """Whether a Quant node rounds to the nearest level."""
    return str(node.get("rounding_mode", "ROUND")).upper() in ("ROUND", "HALF_EVEN", "HALF_UP")


def rounding(node: Node) -> Callable[[Array], Array]:
    """How a Quant node rounds. Raises UnsupportedError for a mode that no table names."""
    mode = str(node.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDINGS:
        raise refuse(node, f"rounding_mode {mode!r} is not supported", f"use one of {', '.join(ROUNDINGS)}")
    return ROUNDINGS[mode]
