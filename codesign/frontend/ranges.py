"""Integer types of a prepared module's activations: what calibration says about them."""

import math

from codesign.fixed import IntType
from codesign.frontend.graph import Clamp, Real
from codesign.train.layers.edges import QuantReLU, span
from codesign.train.layers.fit import best_scale

SOME = 1 << 18  # values that decide on a scale


def activation_of(act: Clamp, y: Real, bits: int) -> QuantReLU:
    """The activation for `y`, calibration's real values behind `act`, its clip fitted to them.

    It is signed where `act` lets negative values pass. An end of `act` that calibration reaches is kept: there the
    range of the integers ends, and the clip is fixed. An end that it never reaches (ReLU's infinity, a clamp at 1e6)
    leaves the clip to training.
    """
    whole = IntType(bits, signed=act.lo < 0)
    if act.lo < 0 and act.hi == 0:
        whole = IntType(bits, True, (whole.lo, 0))
    lo = act.lo if act.lo != 0 and y.size and y.min() <= act.lo else -math.inf
    hi = act.hi if act.hi != 0 and y.size and y.max() >= act.hi else math.inf
    best = best_scale(_some(y), whole)
    if math.isinf(lo) and math.isinf(hi):
        learned = QuantReLU(whole)
        learned.clip.data.fill_(best * span(whole))
        return learned
    top = max(1, whole.hi)
    kept = [abs(end) / top for end in (lo, hi) if math.isfinite(end)]
    scale = max(kept if math.isfinite(hi) and (act.lo >= 0 or math.isfinite(lo)) else [*kept, best])
    within = (max(whole.lo, _near(lo, scale, whole.lo)), min(whole.hi, _near(hi, scale, whole.hi)))
    kind = IntType(bits, whole.signed, within)
    return QuantReLU(kind, scale * span(kind))


def _near(end: float, scale: float, otherwise: int) -> int:
    return round(end / scale) if math.isfinite(end) else otherwise


def _some(y: Real) -> Real:
    """At most twice `SOME` of the values; an odd stride meets every column."""
    flat = y.ravel()
    return flat[:: max(1, flat.size // SOME) | 1]
