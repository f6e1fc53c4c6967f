"""What scales and moves every channel, batch norm and arithmetic with constants, and sums of two values."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from codesign.errors import InputError
from codesign.frontend.advice import advice
from codesign.frontend.build import added, scaled
from codesign.frontend.calls import Call
from codesign.frontend.fold import UNKNOWN, RefusedError, Value
from codesign.frontend.graph import Norm, Real

ONE, ZERO = np.ones((1, 1)), np.zeros((1, 1))


def _batch_norm(call: Call) -> Any:
    native = "native" in call.operation
    legit = "no_training" in call.operation
    call.operation = "batch_norm"
    value, (gain, offset, mean, variance) = call.value, call.args[1:5]
    if mean is None or variance is None or (not legit and call.args[5] is True):
        raise RefusedError(
            "it uses the statistics of its batch", "keep running statistics: track_running_stats=True, training=False"
        )
    eps = float(call.args[6 if legit else 7])
    mean, variance = call.array(mean, "means"), call.array(variance, "variances")
    if (variance + eps <= 0).any():
        count = int((variance + eps <= 0).sum())
        raise InputError(f"{call.where}: {count} of {len(mean)} variances are not above 0; train again")
    gain = np.ones_like(mean) if gain is None else call.array(gain, "weights")
    offset = np.zeros_like(mean) if offset is None else call.array(offset, "biases")
    scale = gain / np.sqrt(variance + eps)
    norm = Norm(gain, offset, mean, variance, eps)
    result = _affine(call, value, scale[:, None], (offset - mean * scale)[:, None], norm)
    return (result, None, None) if native else result


def _affine(call: Call, value: Value, gain: Real, offset: Real, norm: Norm | None = None) -> Value:
    if (gain == 1).all() and (offset == 0).all() and norm is None:
        call.dropped("changes nothing")
        return value
    found, name = scaled(call.fold, value, gain, offset, norm)
    if name:  # with all that waited
        call.folded(name)
        value.taken(name)
        return found
    call.folded()
    return replace(found, waiting=(*found.waiting, call.takers))


def _add(call: Call, sign: float = 1.0) -> Value:
    a, b, factor = call.args[0], call.args[1], sign * float(call.kwargs.get("alpha", 1))
    if not isinstance(a, Value):
        return _affine(call, b, factor * ONE, call.each(b, a))
    if not isinstance(b, Value):
        return _affine(call, a, ONE, factor * call.each(a, b))
    if a.edge == b.edge and a.shape == b.shape and not a.edge.startswith(UNKNOWN):
        twice = replace(a, waiting=(*a.waiting, *b.waiting))
        # gain * edge + offset of both, as one gain and offset of the plain edge
        plain = replace(twice, gain=np.ones_like(a.gain), offset=np.zeros_like(a.offset))
        return _affine(call, plain, a.gain + factor * b.gain, a.offset + factor * b.offset)
    name = call.name()
    call.mapped(name)
    return added(call.fold, call.path, name, a, b, factor)


def _rsub(call: Call) -> Value:
    value, other = call.value, call.args[1]
    factor = float(call.arg(2, "alpha", 1))
    if isinstance(other, Value):
        call.args = (other, value)
        return _add(call, -1.0)
    return _affine(call, value, -factor * ONE, call.each(value, other))


def _mul(call: Call) -> Value:
    a, b = call.args[:2]
    if isinstance(a, Value) and isinstance(b, Value):
        raise RefusedError(*advice("mul"))
    value, constant = (a, b) if isinstance(a, Value) else (b, a)
    return _affine(call, value, call.each(value, constant), ZERO)


def _div(call: Call) -> Value:
    value, by = call.args[:2]
    if not isinstance(value, Value) or isinstance(by, Value):
        raise RefusedError("it divides by values of the network", "divide by constants")
    divisor = call.each(value, by)
    if (divisor == 0).any():
        raise InputError(f"{call.where}: divides by 0; give a standard deviation above 0")
    return _affine(call, value, 1 / divisor, ZERO)


def _neg(call: Call) -> Value:
    return _affine(call, call.value, -ONE, ZERO)


AFFINE: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(
        (
            "batch_norm.default",
            "native_batch_norm.default",
            "_native_batch_norm_legit.default",
            "_native_batch_norm_legit_no_training.default",
        ),
        _batch_norm,
    ),
    **dict.fromkeys(("add.Tensor", "add.Scalar"), _add),
    **dict.fromkeys(("sub.Tensor", "sub.Scalar"), lambda call: _add(call, -1.0)),
    **dict.fromkeys(("rsub.Scalar", "rsub.Tensor"), _rsub),
    **dict.fromkeys(("mul.Tensor", "mul.Scalar"), _mul),
    **dict.fromkeys(("div.Tensor", "div.Scalar"), _div),
    "neg.default": _neg,
}
