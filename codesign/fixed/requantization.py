"""Requantization: from accumulators to activations and output words, and the constants of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import CapacityError, InputError
from codesign.fixed.converters import Trim
from codesign.fixed.integers import BIAS_BITS, INT32, MAX_SHIFT, MULT_BITS, Ints, IntType, clamp, shift_right


def requantize(acc: ArrayLike, mult: ArrayLike, bias: ArrayLike, shift: int, out: IntType) -> Ints:
    """`clamp((acc * mult + bias + 2^(shift-1)) >> shift)` to `out`'s lo..hi. Twin of `xb_requant.v`."""
    return clamp(shift_right(_product(acc, mult) + np.asarray(bias, np.int64), shift), out)


def requantize_sum(
    a: ArrayLike, mult: ArrayLike, b: ArrayLike, other_mult: ArrayLike, bias: ArrayLike, shift: int, out: IntType
) -> Ints:
    """`clamp((a * mult + b * other_mult + bias + 2^(shift-1)) >> shift)` to `out`: `requantize` of two terms."""
    return requantize_terms([(a, mult), (b, other_mult)], bias, shift, out)


def requantize_terms(terms: Sequence[tuple[ArrayLike, ArrayLike]], bias: ArrayLike, shift: int, out: IntType) -> Ints:
    """`requantize` of the sum of terms (acc, mult), in the order in which the chip adds them."""
    return requantize(sum(_product(acc, mult) for acc, mult in terms), 1, bias, shift, out)


def _product(values: ArrayLike, mult: ArrayLike) -> Ints:
    return np.asarray(np.asarray(values, np.int64) * np.asarray(mult, np.int64))


def requant_constants(
    scale: ArrayLike, bias: ArrayLike, where: str = "requantizer", reserve: ArrayLike = 1
) -> tuple[Ints, Ints, int]:
    """Integer (mult, bias, shift) so that `requantize` computes `acc * scale + bias`, nearest.

    scale and bias are real, one per column, in units of the output's scale. The shift is shared
    and as large as the register widths allow, so that every multiplier keeps its precision.
    reserve: mult * reserve fits the register as well, for slices of a weight: base^(slices - 1), for all or per column.
    Raises InputError where no shift does.
    """
    s = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    b = np.broadcast_to(np.asarray(bias, dtype=np.float64), s.shape)
    if not (np.isfinite(s).all() and np.isfinite(b).all()):
        raise InputError(f"{where}: scale and bias must be finite, got NaN or infinity; check the layer's weights")
    highest, bias_top = np.broadcast_to(reserve, s.shape), IntType(BIAS_BITS, True).hi
    mult_top = IntType(MULT_BITS, True).hi // highest
    shift = MAX_SHIFT
    while shift > 0 and (
        (np.abs(np.rint(s * 2.0**shift)) > mult_top).any() or np.abs(np.rint(b * 2.0**shift)).max() > bias_top
    ):
        shift -= 1
    mult, add = np.rint(s * 2.0**shift).astype(np.int64), np.rint(b * 2.0**shift)
    if (np.abs(mult) > mult_top).any() or np.abs(add).max() > bias_top:
        scaled = "scale" if highest.max() == 1 else f"{highest.max()} (of its highest slice) times scale"
        told = [
            f"{what} {np.abs(v).max():g} needs {_signed_bits(v)} bits, its register has {bits}"
            for what, v, bits in ((scaled, s * highest, MULT_BITS), ("bias", b, BIAS_BITS))
            if _signed_bits(v) > bits
        ]
        raise InputError(f"{where}: {' and '.join(told)}; rescale the layer")
    return mult, add.astype(np.int64), shift


def _signed_bits(values: NDArray[np.float64]) -> int:
    """Bits of a signed integer that holds the nearest integer of every value."""
    return int(np.rint(np.abs(values).max())).bit_length() + 1


def raw_bias(bias: ArrayLike, where: str) -> Ints:
    """Integer biases of raw outputs from real ones in units of the output's scale: nearest, halves up.

    Raises InputError naming layer `where` when 32 bits cannot hold one.
    """
    b = np.floor(np.asarray(bias, dtype=np.float64) + 0.5)
    if not INT32.lo <= b.min() <= b.max() <= INT32.hi:
        raise InputError(
            f"layer {where}: its bias of {b[np.abs(b).argmax()]:.3g} output LSBs exceeds {INT32.bits} bits; "
            "use smaller biases or larger weights"
        )
    return b.astype(np.int64)


def trimmed(mult: Ints, bias: Ints, shift: int, trim: Trim, where: str, reserve: int = 1) -> tuple[Ints, Ints, int]:
    """Requantizer constants (mult, bias, shift) for codes read with `trim`: a code stands for 2^shift / gain units.

    Powers of two move into the shift where it is large enough; anything else is rounded into the multipliers, giving
    up low bits of the shift when they would overflow. A raw output (mult 1, shift 0) takes powers of two only.
    reserve: as in `requant_constants`; the constants given must respect it.
    Raises CapacityError naming layer `where` when they do not, or the trim leaves no usable constants.
    """
    return trimmed_sum(mult, None, bias, shift, trim, where, reserve)[1:]


def trimmed_sum(
    mult: Ints, other: Ints | None, bias: Ints, shift: int, trim: Trim, where: str, reserve: int = 1
) -> tuple[Ints | None, Ints, Ints, int]:
    """`trimmed` beside a term that no converter reads: (other, mult, bias, shift).

    other: that term's multipliers. They follow the shift, so the range goes into `mult` alone.
    """
    kind = IntType(MULT_BITS, True)
    if not kind.holds(mult * reserve):
        raise CapacityError(
            f"layer {where}: multiplier {mult[np.abs(mult).argmax()]} times {reserve}, for its highest slice, exceeds "
            f"{kind.bits} bits; train it with these slices, or use fewer"
        )
    if trim.is_identity:
        return other, mult, bias, shift
    if trim.gain == 1 and trim.shift <= shift and other is None:
        return None, mult, shift_right(bias, trim.shift), shift - trim.shift
    for less in range(shift + 1):
        scaled = np.rint(mult * 2.0 ** (trim.shift - less) / trim.gain).astype(np.int64)
        if kind.holds(scaled * reserve):
            break
    else:
        sliced = "" if reserve == 1 else " of its highest slice"
        raise CapacityError(
            f"layer {where}: range trim {trim} overflows the {MULT_BITS}-bit multiplier{sliced}; choose a smaller trim"
        )
    second = None if other is None else shift_right(other, less)
    left = [(scaled, mult)] + ([] if other is None or second is None else [(second, other)])
    if any(((after == 0) & (before != 0)).any() for after, before in left):
        raise CapacityError(
            f"layer {where}: range trim {trim} leaves a multiplier of 0, which makes an output constant; "
            "choose a smaller gain or a larger shift"
        )
    return second, scaled, shift_right(bias, less), shift - less
