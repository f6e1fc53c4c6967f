"""Activations that clip: ReLU and its relatives, clamps, and what amounts to them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from codesign.frontend.advice import RELUS, advice
from codesign.frontend.build import clipped
from codesign.frontend.calls import Call, Scores
from codesign.frontend.fold import RefusedError, Value
from codesign.frontend.graph import INF, Clamp

Handler = Callable[[Call], Any]


def _act(lo: float, hi: float) -> Handler:
    return lambda call: _clip(call, lo, hi)


def _clip(call: Call, lo: float, hi: float) -> Value:
    value = call.value
    if not lo < hi:
        raise RefusedError(f"its limits are {lo:g} and {hi:g}", "give a lower limit below the upper one")
    value, name = clipped(call.fold, call.path, value, Clamp(lo, hi))
    call.folded(name) if name else call.dropped("changes nothing: the values lie in its range")
    return value


def _clamp(call: Call) -> Value:
    lo, hi = (call.arg(k, n) for k, n in ((1, "min"), (2, "max")))
    return _clip(call, -INF if lo is None else _limit(call, lo), INF if hi is None else _limit(call, hi))


def _limit(call: Call, limit: Any) -> float:
    """One limit of a clamp."""
    if isinstance(limit, torch.Tensor):
        values = np.unique(call.array(limit, "limits"))
        if len(values) == 1:
            return float(values[0])
    elif not isinstance(limit, Value | Scores):
        return float(limit)
    raise RefusedError("its limit differs from value to value", "clamp to one number")


def _leaky(call: Call) -> Value:
    if float(call.arg(1, "negative_slope", 0.01)) != 0:
        raise RefusedError(*RELUS)
    return _clip(call, 0.0, INF)


def _threshold(call: Call) -> Value:
    at, instead = float(call.args[1]), float(call.args[2])
    if at != instead:
        raise RefusedError(f"it jumps from {instead:g} to {at:g}", RELUS[1])
    return _clip(call, at, INF)


def _larger(low: bool) -> Handler:
    def handle(call: Call) -> Value:
        a, b = call.args[:2]
        if isinstance(a, Value) and isinstance(b, Value):
            raise RefusedError(*advice("maximum"))
        value, constant = (a, b) if isinstance(a, Value) else (b, a)
        limit = _limit(call, constant)
        call.args = (value,)
        return _clip(call, *((limit, INF) if low else (-INF, limit)))

    return handle


CLAMPS: dict[str, Handler] = {
    "relu.default": _act(0.0, INF),
    "relu6.default": _act(0.0, 6.0),
    "hardtanh.default": lambda call: _clip(call, float(call.arg(1, "min_val", -1)), float(call.arg(2, "max_val", 1))),
    **dict.fromkeys(("clamp.default", "clamp.Tensor", "clip.default", "clip.Tensor"), _clamp),
    **dict.fromkeys(("clamp_min.default", "clamp_min.Tensor"), lambda c: _clip(c, _limit(c, c.arg(1, "min")), INF)),
    **dict.fromkeys(("clamp_max.default", "clamp_max.Tensor"), lambda c: _clip(c, -INF, _limit(c, c.arg(1, "max")))),
    "maximum.default": _larger(True),
    "minimum.default": _larger(False),
    "leaky_relu.default": _leaky,
    "threshold.default": _threshold,
}
