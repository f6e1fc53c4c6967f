"""Scales that calibration cannot choose: of layers that are dead on it, and at the ends of float32."""

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError, warn
from codesign.fixed import BIAS_BITS, INT32, MULT_BITS, Ints, IntType

Real = NDArray[np.float64]

FLOAT32 = np.finfo(np.float32)
LOWEST, LARGEST = float(FLOAT32.tiny), float(FLOAT32.max)  # Python's floats: numpy's comparison casts, and overflows
FINEST = 2.0**-20  # of the largest bias: no activation gets a finer step only to tell its reader's biases apart


def check_float32(values: Real, where: str) -> None:
    """Raises InputError on values that the module itself, in float32, cannot hold."""
    largest = float(np.abs(values).max())
    if largest > LARGEST:
        raise InputError(f"{where}: reaches {largest:.3g}, float32 ends at {LARGEST:.3g}; rescale it")


def resolution(bias: Real, finest: float) -> float:
    """A step that tells every two different biases apart, and each from 0; 0.0 when there is nothing to tell.

    It is no finer than the share `finest` of the largest bias.
    """
    distinct = np.unique(np.append(bias, 0.0))
    if len(distinct) == 1:
        return 0.0
    return max(float(np.diff(distinct).min()) / 2, float(np.abs(bias).max()) * finest)


def silent_step(y: Real, top: int, weight: Real, bias: Real, largest_code: int) -> float:
    """The step of an activation that is 0 for all of calibration, so that its reader's biases keep their order.

    y: what the activation cut off, as far as which an input unlike the calibration may drive it; `top` steps of it.
    weight and bias are those of the reader, where one step is worth up to 1.2 * |weight| / largest_code.
    """
    reach = float(np.abs(y).max()) / top
    code = 1.2 * float(np.abs(weight).max()) / largest_code
    bound = resolution(bias, FINEST) / code if code else 0.0
    return min((s for s in (reach, bound) if s > FLOAT32.smallest_subnormal), default=1.0)


def fitted(bias: Real, unit: float, codes: Ints, drive: int, step: float, top: int) -> tuple[Real, float]:
    """Bias and step of an activation as the requantizer's registers can serve them; both as they came if they can.

    unit: what one step of the accumulators is worth; drive: the largest magnitude of an input. A bias far beyond what
    the weights can undo is cut off there, where its unit is stuck just the same: else one dead unit would take the
    shift, and with it every multiplier's precision, from all others.
    """
    undone = 2 * unit * drive * np.abs(codes).sum(axis=1)  # twice, for multipliers that were rounded
    needs = float(np.minimum(np.abs(bias), undone).max())
    step = max(step, unit / IntType(MULT_BITS, True).hi, needs / (IntType(BIAS_BITS, True).hi - top - 1))
    limit = undone + (top + 1) * step
    return np.clip(bias, -limit, limit), step


def raw_step(name: str, unit: float, bias: Real, codes: Ints, drive: int) -> tuple[float, Ints]:
    """What one step of the raw outputs is worth, and their codes: all 0 when none can be seen beside the biases.

    unit: what one step of the accumulators is worth; drive: the largest magnitude of an input. Raises InputError when
    both weights and biases matter and 32 bits cannot hold a bias.
    """
    largest, alone = float(np.abs(bias).max()), resolution(bias, 2.0**-30) or 1.0
    if not codes.any():
        return alone, codes
    if largest <= unit * (INT32.hi - 1):
        return unit, codes
    moved = unit * drive * float(np.abs(codes).sum(axis=1).max())
    distinct, counts = np.unique(bias, return_counts=True)
    apart = not len(distinct) > 1 or 2 * moved < float(np.diff(distinct).min())
    if apart and (moved < FLOAT32.eps * np.abs(distinct[counts > 1])).all():
        return alone, np.zeros_like(codes)
    raise InputError(
        f"layer {name}: its bias of {largest:.3g} is more than {INT32.hi} steps of its outputs "
        f"({unit:.3g} each); use smaller biases or larger weights"
    )


def is_silent(y: Real, x: Real, weight: Real) -> bool:
    """Whether activations `y` of inputs `x` are all 0, in float32 or but for the rounding of their sums."""
    noise = 1e-12 * float(np.abs(x).max()) * float(np.abs(weight).sum(axis=1).max())
    return float(np.abs(y).max()) <= max(noise, float(FLOAT32.smallest_subnormal))


def watch(name: str, before: Ints, after: Ints, exact: Real) -> None:
    """Warn of a layer that gives every calibration image the same integers though it reads different ones."""
    if varies(before) and not varies(after):
        because = "as in the module" if not varies(exact) else "though the module's differ"
        warn(
            f"layer {name}: is dead, its outputs are the same for all {len(after)} calibration inputs {because}; "
            "train again, give typical inputs, or choose a chip with more levels or activation bits"
        )


def watch_order(name: str, outputs: Ints, exact: Real) -> None:
    """Warn when no calibration image has a single largest output though the module's have."""
    if _tied(outputs).all() and not _tied(exact).all():
        warn(
            f"layer {name}: its biases are finer than a step of its outputs, so that the largest output is "
            "shared for every calibration input; train again or choose a chip with more levels"
        )


def varies(values: NDArray[np.generic]) -> bool:
    """Whether any two rows differ."""
    return bool((values != values[0]).any())


def _tied(outputs: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Per row: whether several columns share the largest value."""
    shared: NDArray[np.bool_] = (outputs == outputs.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return shared
