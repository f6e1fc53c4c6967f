"""Bit planes of activations, and converters: from column currents to codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import InputError
from codesign.fixed.integers import Ints, IntType, clamp, shift_right


def bit_planes(x: ArrayLike, kind: IntType, dtype: Any = np.uint8) -> NDArray[Any]:
    """Bits of `x` (any shape) as 0/1 of `dtype` with a new first axis: plane 0 is the top bit, the last is bit 0.

    Twin of `xb_wordlines.v`: the chip drives planes from the top down.
    """
    v: NDArray[Any] = np.asarray(x).astype(
        np.uint8 if kind.bits <= 8 else np.int64
    )  # two's complement survives the truncation
    planes = np.empty((kind.bits, *v.shape), dtype)
    for k, b in enumerate(range(kind.bits - 1, -1, -1)):
        np.not_equal(v & v.dtype.type(1) << v.dtype.type(b), 0, out=planes[k, ...], casting="unsafe")
    return planes


def plane_weights(kind: IntType) -> Ints:
    """Weight of each plane of `bit_planes`: 2^b, and -2^b for the top plane of a signed type."""
    w = 1 << np.arange(kind.bits - 1, -1, -1, dtype=np.int64)
    if kind.signed:
        w[0] = -w[0]
    return w


@dataclass(frozen=True)
class Trim:
    """Range trim of one array's ADCs: `clamp((I * gain + offset + 2^(shift-1)) >> shift)`.

    gain is 1..255, shift 0..15, offset (signed 16 bit, one per column) is kept beside it.
    """

    gain: int = 1
    shift: int = 0

    def __post_init__(self) -> None:
        whole = type(self.gain) is int and type(self.shift) is int
        if not (whole and 1 <= self.gain <= 255 and 0 <= self.shift <= 15):
            raise InputError(f"ADC trim: gain must be 1..255 and shift 0..15, got {self.gain} and {self.shift}")

    @property
    def is_identity(self) -> bool:
        """Whether one unit of current is one code."""
        return self.gain == 1 and self.shift == 0


MAX_FRACTION = 8  # bits by which a die's map may be finer than conductance codes


def convert(current: ArrayLike, trim: Trim, offset: ArrayLike, adc: IntType, fraction: int = 0) -> Ints:
    """ADC: column currents, whole numbers, to codes. Twin of the converter inside `model/xb_array.v`.

    fraction: currents count 2^-fraction of a conductance code, on a die whose map does (0..MAX_FRACTION):
    `clamp((I * gain + offset * 2^fraction + 2^(shift+fraction-1)) >> (shift+fraction))`.
    """
    return clamp(unclamped(current, trim, offset, fraction), adc)


def unclamped(current: ArrayLike, trim: Trim, offset: ArrayLike, fraction: int = 0) -> Ints:
    """What `convert` makes of whole currents before it clamps them to codes: beyond these, a converter clips."""
    added = np.asarray(offset, np.int64) << fraction
    return shift_right(np.asarray(current).astype(np.int64) * trim.gain + added, trim.shift + fraction)


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of cells and their converters as one product of floats, for many bit planes: `convert`, but faster.

    weight is (wordlines, columns), added (columns). Gain, offset and rounding are folded into them, in codes, so that
    only floor and clip are left. Every number on the way is a multiple of 2^-(shift+fraction) that the floats hold,
    whatever the order of a sum.
    """

    weight: NDArray[Any]
    added: NDArray[Any]
    adc: IntType
    whole: bool  # whether sums are whole codes already

    @classmethod
    def of(
        cls, weight: NDArray[np.integer[Any]], trim: Trim, offset: ArrayLike, adc: IntType, fraction: int = 0
    ) -> "Columns":
        """Columns whose cells hold `weight` (differences of codes, finer by `fraction` bits), with `convert`'s rest."""
        shift = trim.shift + fraction
        scaled = weight.astype(np.int64) * trim.gain
        added = (np.asarray(offset, np.int64) << fraction) + (1 << shift >> 1)
        top = int((np.abs(scaled).sum(axis=0) + np.abs(added)).max(initial=0))
        kind: Any = np.float32 if top < 2**24 else np.float64
        return cls(np.ldexp(scaled.astype(kind), -shift), np.ldexp(added.astype(kind), -shift), adc, shift == 0)

    def codes(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Codes (rows, columns), in floats, of 0/1 `planes` (rows, wordlines)."""
        with np.errstate(invalid="ignore"):  # BLAS may raise the flag for lanes past the end of a matrix
            read = planes.astype(self.weight.dtype, copy=False) @ self.weight
        read += self.added
        if not self.whole:
            np.floor(read, out=read)
        return np.asarray(np.clip(read, self.adc.lo, self.adc.hi, out=read))
