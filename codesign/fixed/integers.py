"""Integers of few bits: ranges, rounding and clamping."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import InputError

Ints = NDArray[np.int64]

MULT_BITS = 16  # signed requantization multiplier
BIAS_BITS = 32  # signed requantization bias
MAX_SHIFT = 31  # requantization shift
WEIGHT_BITS = 16  # signed weight, a difference of conductance codes
MAX_SLICES = 8  # pairs of cells that may hold one weight


@dataclass(frozen=True)
class IntType:
    """An integer of `bits` bits, two's complement if `signed`, that takes the values lo..hi.

    within: (lo, hi), where it is narrower than the bits allow: -1..1 of a signed 2-bit integer, say. Bits and sign
    decide how a value is stored, streamed and multiplied; lo and hi decide where it is clamped and what is refused.
    """

    bits: int
    signed: bool = False
    within: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if type(self.bits) is not int or not 1 <= self.bits <= 64:
            raise InputError(f"integer type: bits must be 1..64, got {self.bits}")
        if type(self.signed) is not bool:
            raise InputError(f"integer type: signed must be true or false, got {self.signed!r}")
        if self.within is None:
            return
        least, most = self.limits
        pair = self.within if isinstance(self.within, tuple) else ()
        if len(pair) != 2 or any(type(v) is not int for v in pair) or not least <= pair[0] <= pair[1] <= most:
            came = "..".join(map(str, pair)) if len(pair) == 2 else repr(self.within)
            raise InputError(
                f"integer type: range of {_letter(self)}{self.bits} must be integers lo..hi, lo <= hi, "
                f"in {least}..{most}, got {came}"
            )
        if pair == (least, most):  # equal types compare equal
            object.__setattr__(self, "within", None)

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest value that the bits can hold, whatever `within` says."""
        least = -(1 << (self.bits - 1)) if self.signed else 0
        return least, (1 << (self.bits - self.signed)) - 1

    @property
    def lo(self) -> int:
        """Smallest value."""
        return (self.within or self.limits)[0]

    @property
    def hi(self) -> int:
        """Largest value."""
        return (self.within or self.limits)[1]

    def holds(self, values: ArrayLike) -> bool:
        """Whether every value lies in lo..hi."""
        v = np.asarray(values)
        return v.size == 0 or (int(v.min()) >= self.lo and int(v.max()) <= self.hi)

    def __str__(self) -> str:
        return f"{_letter(self)}{self.bits}" + (f"[{self.lo}..{self.hi}]" if self.within else "")


def _letter(kind: IntType) -> str:
    return "i" if kind.signed else "u"


INT32 = IntType(32, signed=True)


def shift_right(value: ArrayLike, shift: int) -> Ints:
    """`(value + 2^(shift-1)) >> shift`: round to nearest, halves up; the rounding term is 0 at shift 0."""
    v = np.asarray(value, dtype=np.int64)
    return v if shift == 0 else (v + (1 << (shift - 1))) >> shift


def clamp(value: ArrayLike, kind: IntType) -> Ints:
    """The nearest value in lo..hi of `kind`. Floats are clipped before conversion, so no value wraps around."""
    return np.asarray(np.clip(np.asarray(value), kind.lo, kind.hi), dtype=np.int64)


def quantize(
    values: ArrayLike,
    step: float | NDArray[np.float64],
    kind: IntType,
    offset: float | NDArray[np.float64] = 0.0,
) -> Ints:
    """Real values as integers of `kind`, q for `offset + step * q`: the nearest, halves up, clamped to lo..hi.

    `floor((value - offset) / step + 0.5)` in float64, one operation after the other. Twin of `codesign_input` in
    image/network.h. step and offset may be arrays that broadcast with the values.
    """
    with np.errstate(over="ignore"):  # beyond every number is beyond the integer type
        return clamp(np.floor((np.asarray(values, dtype=np.float64) - offset) / step + 0.5), kind)
