"""Scales that calibration data cannot determine: those of dead layers, and at the limits of float32."""

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError, warn
from codesign.fixed import BIAS_BITS, INT32, MULT_BITS, Ints, IntType

Real = NDArray[np.float64]

FLOAT32 = np.finfo(np.float32)
LOWEST, LARGEST = float(FLOAT32.tiny), float(FLOAT32.max)  # Python's floats: numpy's comparison casts, and overflows
FINEST = 2.0**-20  # of the largest bias: no scale gets finer only to distinguish the biases of the next layer


def check_float32(values: Real, where: str) -> None:
    """Raises InputError on values that the module itself, in float32, cannot hold."""
    largest = float(np.abs(values).max())
    if largest > LARGEST:
        raise InputError(f"{where}: reaches {largest:.3g}, float32 ends at {LARGEST:.3g}; rescale it")


def resolution(bias: Real, finest: float) -> float:
    """A scale at which all different biases, and 0, are different integers; 0.0 when all biases are 0.

    It is at least the share `finest` of the largest bias.
    """
    distinct = np.unique(np.append(bias, 0.0))
    if len(distinct) == 1:
        return 0.0
    return max(float(np.diff(distinct).min()) / 2, float(np.abs(bias).max()) * finest)


def silent_scale(y: Real, top: int, weight: Real, bias: Real, largest_code: int) -> float:
    """The scale of an activation that is 0 for all of calibration, so that the next layer's biases keep their order.

    y: the values that the activation cut to 0; other inputs may drive it as far in the other direction, to `top`.
    weight and bias belong to the next layer, where one code is worth up to 1.2 * |weight| / largest_code.
    """
    largest = float(np.abs(y).max()) / top
    code = 1.2 * float(np.abs(weight).max()) / largest_code
    bound = resolution(bias, FINEST) / code if code else 0.0
    return min((s for s in (largest, bound) if s > FLOAT32.smallest_subnormal), default=1.0)


def fitted(bias: Real, unit: Real, reach: Real, scale: Real, top: int) -> tuple[Real, Real]:
    """Biases and scales of activations, changed only where the requantizer's registers could not hold them.

    All are one per channel. unit: real value of one accumulator integer; reach: how far from 0 an accumulator gets. A
    bias far beyond what the weights can undo is clipped; its unit stays saturated all the same. Otherwise one dead
    unit would set the shift, and cost the multipliers of all others their precision.
    """
    undone = 2 * reach  # twice, for multipliers that were rounded
    base = float(scale.max())
    share = scale / base
    needs = float((np.minimum(np.abs(bias), undone) / share).max())
    base = max(
        base, float((np.abs(unit) / share).max()) / IntType(MULT_BITS, True).hi,
        needs / (IntType(BIAS_BITS, True).hi - top - 1),
    )  # fmt: skip
    limit = undone + (top + 1) * share * base
    return np.clip(bias, -limit, limit), share * base


def raw_scale(name: str, sum_scale: float, bias: Real, codes: Ints, drive: int) -> tuple[float, Ints]:
    """The scale of the raw outputs, and the codes: all 0 when their products vanish beside the biases.

    sum_scale: real value of one accumulator integer; drive: the largest magnitude of an input. Raises InputError when
    both weights and biases matter and 32 bits cannot hold a bias.
    """
    largest, alone = float(np.abs(bias).max()), resolution(bias, 2.0**-30) or 1.0
    if not codes.any():
        return alone, codes
    if largest <= sum_scale * (INT32.hi - 1):
        return sum_scale, codes
    moved = sum_scale * drive * float(np.abs(codes).sum(axis=1).max())
    distinct, counts = np.unique(bias, return_counts=True)
    apart = not len(distinct) > 1 or 2 * moved < float(np.diff(distinct).min())
    if apart and (moved < FLOAT32.eps * np.abs(distinct[counts > 1])).all():
        return alone, np.zeros_like(codes)
    raise InputError(
        f"layer {name}: its bias of {largest:.3g} is more than {INT32.hi} steps of its outputs "
        f"({sum_scale:.3g} each) and needs {_bits(largest / sum_scale)} bits; use smaller biases or larger weights"
    )


def is_silent(y: Real, terms: float) -> bool:
    """Whether activations `y` are all 0 in float32, rounding errors of sums of up to `terms` aside."""
    return float(np.abs(y).max()) <= max(1e-12 * terms, float(FLOAT32.smallest_subnormal))


def watch(name: str, before: Ints, after: Ints, exact: Real) -> None:
    """Warn about a layer whose outputs are the same for every calibration image although its inputs differ."""
    if varies(before) and not varies(after):
        because = "as in the module" if not varies(exact) else "although the module's differ"
        warn(
            f"layer {name}: is dead, its outputs are the same for all {len(after)} calibration inputs {because}; "
            "train again, give typical inputs, or choose a chip with more levels or activation bits"
        )


def watch_columns(name: str, weight: Real, codes: Ints) -> None:
    """Warn when the last layer's one scale, set by its largest columns, leaves others without weights.

    weight and codes are (outputs, inputs).
    """
    size = np.abs(weight).max(axis=1)
    lost = (size > 0) & ~codes.any(axis=1)
    if lost.any() and not lost.all():
        times = float(size.max() / np.median(size[lost]))
        warn(
            f"layer {name}: output {int(size.argmax())} dwarfs the rest: its largest weight is {times:.3g} times that "
            f"of {int(lost.sum())} other outputs, which keep none, because raw outputs share one scale; "
            "rescale the outputs of the model, or train it for this chip with codesign.train.prepare"
        )


def watch_order(name: str, outputs: Ints, exact: Real) -> None:
    """Warn when every calibration image has a tie for the largest output, but not in the module."""
    if _tied(outputs).all() and not _tied(exact).all():
        warn(
            f"layer {name}: its biases differ by less than one integer of its outputs, so several outputs tie for the "
            "largest on every calibration input; train again or choose a chip with more levels"
        )


def varies(values: NDArray[np.generic]) -> bool:
    """Whether any two rows differ."""
    return bool((values != values[0]).any())


def _bits(steps: float) -> int:
    """Bits of a signed integer that holds so many steps."""
    return int(np.frexp(steps)[1]) + 1


def _tied(outputs: NDArray[np.generic]) -> NDArray[np.bool_]:
    """For each row: whether several columns share the largest value."""
    shared: NDArray[np.bool_] = (outputs == outputs.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return shared
