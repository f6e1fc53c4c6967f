"""The integer contract: the one place that owns ranges, rounding, clamping and packing.

Training's evaluation, the Python reference, the programming image and the Verilog all follow
these rules; the Verilog modules name the function here that is their twin.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import CapacityError, InputError

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


def convert(
    current: ArrayLike,
    trim: Trim,
    offset: ArrayLike,
    adc: IntType,
    fraction: int = 0,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """ADC: column currents to codes. Twin of the converter inside `model/xb_array.v`.

    fraction: currents count 2^-fraction of a conductance code, on a die whose map does (0..MAX_FRACTION):
    `clamp((I * gain + offset * 2^fraction + 2^(shift+fraction-1)) >> (shift+fraction))`. out: an array of floats to
    work in, which may be `current` itself; whether it is used is not promised.

    Integers, of an integer or floating dtype. Codes of exact float currents, as a matrix product gives them, stay
    floats where these hold every step exactly; those of integers are int64 unless the trim is the identity.
    """
    i, o = np.asarray(current), np.asarray(offset, dtype=np.int64)
    if trim.is_identity and not o.any() and not fraction:
        return np.asarray(np.clip(i, adc.lo, adc.hi, out=out))
    shift, added = trim.shift + fraction, o << fraction
    if i.dtype.kind == "f" and _stays_exact(i, trim.gain, added, shift):
        scaled = np.multiply(i, i.dtype.type(trim.gain), out=out)
        scaled += (added + (1 << shift >> 1)).astype(i.dtype)
        scaled *= i.dtype.type(2.0**-shift)
        return np.asarray(np.clip(np.floor(scaled, out=scaled), adc.lo, adc.hi, out=scaled))
    return clamp(unclamped(i, trim, o, fraction), adc)


def unclamped(current: ArrayLike, trim: Trim, offset: ArrayLike, fraction: int = 0) -> Ints:
    """What `convert` makes of whole currents before it clamps them to codes: beyond these, a converter clips."""
    added = np.asarray(offset, np.int64) << fraction
    return shift_right(np.asarray(current).astype(np.int64) * trim.gain + added, trim.shift + fraction)


def _stays_exact(currents: NDArray[Any], gain: int, added: Ints, shift: int) -> bool:
    """Whether floats hold every number on the way to a code: all are whole until the last, a product by 2^-shift."""
    most = max(-float(currents.min(initial=0)), float(currents.max(initial=0)))
    top = most * gain + float(np.abs(added).max(initial=0)) + 2.0**shift
    return bool(top < 2.0 ** (np.finfo(currents.dtype).nmant + 1))


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


def pack_fields(values: ArrayLike, width: int) -> int:
    """One big integer whose bits [k*width +: width] are value k (two's complement if negative)."""
    mask = (1 << width) - 1
    word = 0
    for k, v in enumerate(np.asarray(values).ravel().tolist()):
        word |= (int(v) & mask) << (k * width)
    return word


def unpack_fields(word: int, width: int, count: int, signed: bool = False) -> list[int]:
    """Inverse of `pack_fields`."""
    mask, top = (1 << width) - 1, 1 << (width - 1)
    out = [(word >> (k * width)) & mask for k in range(count)]
    return [v - (v & top) * 2 if signed else v for v in out]


def lane_values(word: int, lanes: int, kind: IntType) -> list[int]:
    """A column group of activations as the chip writes it: bit b of lane l at [b*lanes + l]. Twin of `xb_requant.v`."""
    planes = unpack_fields(word, lanes, kind.bits)
    values = [sum(((p >> lane) & 1) << b for b, p in enumerate(planes)) for lane in range(lanes)]
    return [v - (1 << kind.bits) if v > kind.limits[1] else v for v in values]


def words_of(value: int, count: int) -> list[int]:
    """A big integer as `count` 32-bit words, lowest first."""
    return [(value >> (32 * k)) & 0xFFFFFFFF for k in range(count)]


def crc32(words: ArrayLike, start: int = 0) -> int:
    """CRC-32 (IEEE 802.3, as zlib) of 32-bit words taken as little-endian bytes. Twin of `xb_crc32.v`."""
    return zlib.crc32(np.asarray(words, dtype="<u4").tobytes(), start)


def clog2(value: int) -> int:
    """Verilog's $clog2: bits needed to count `value` things."""
    return (value - 1).bit_length() if value > 1 else 0


def mean(total: int, count: int) -> int | float:
    """total / count: an int where it is whole, else the nearest float.

    Below 2^32, means over at most 1,000 differ only if their floats do, so comparing the floats is exact.
    """
    return total // count if total % count == 0 else total / count
