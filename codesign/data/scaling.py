"""From the numbers of a data set to integers of a chip, and what such integers are worth in the data's own units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.fixed import IntType, quantize

Bytes = NDArray[np.uint8]
Numbers = NDArray[Any]  # uint8, float32 or float64
Inputs = NDArray[np.int16]
FINEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of the images or of one feature, both included."""

    lo: float = 0
    hi: float = 255

    def __str__(self) -> str:
        return f"{self.lo:.6g}..{self.hi:.6g}"

    @property
    def bits(self) -> int:
        """Bits needed to distinguish all whole numbers in it."""
        return max(1, int(self.hi - self.lo).bit_length())


FULL = Range()


@dataclass(frozen=True)
class Scaling(Brief):
    """An input q stands for `offset + step * scales * q`: the fields of these names in `codesign.ir.Network`.

    `scales` and `offset` hold one number for all features or one per feature; () is 1 and 0.
    """

    step: float = 1.0
    scales: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()

    def integers(self, x: Numbers, kind: IntType) -> Inputs:
        """Rows of numbers as integers of `kind`; the same as `codesign.ir.real.to_integers` with these fields."""
        steps, offset = self.step * np.array(self.scales or (1.0,)), np.array(self.offset or (0.0,))
        return quantize(x, steps, kind, offset).astype(np.int16)


def of_bytes(kind: IntType, span: Range) -> Scaling:
    """What the integers that `to_inputs` makes of bytes are worth: the middle of the bytes that become one integer.

    Every number here is a short binary fraction, so that rounding to the nearest gives back those very integers.
    """
    step = (span.hi - span.lo + 1) / (1 << kind.bits)
    return Scaling(step, (), (span.lo + step / 2 - kind.lo * step,))


def of_reals(kind: IntType, ranges: Sequence[Range], where: str) -> Scaling:
    """A scaling that spreads each range, one for all features or one per feature, over lo..hi of `kind`.

    A constant becomes 0, and numbers that differ from it by less than half of it, too. Raises InputError naming
    `where` for a range that float64 cannot divide into so many steps.
    """
    lo, hi = np.array([r.lo for r in ranges], np.float64), np.array([r.hi for r in ranges], np.float64)
    with np.errstate(over="ignore"):
        steps = (hi - lo) / (kind.hi - kind.lo)
    constant = hi == lo
    offset = np.where(constant, lo, lo - kind.lo * np.where(constant, 1.0, steps))
    steps = np.where(constant, np.where(np.abs(lo) < FINEST, 1.0, np.abs(lo)), steps)
    bad = ~(np.isfinite(offset) & np.isfinite(steps) & (steps >= FINEST))
    if bad.any():
        k = int(bad.argmax())
        which = f"feature {k}: " if len(ranges) > 1 else ""
        raise InputError(
            f"{where}: {which}its range {ranges[k]} cannot be divided into {kind.hi - kind.lo} steps; rescale the data"
        )
    offsets = tuple(offset.tolist()) if offset.any() else ()
    return Scaling(steps.item(), (), offsets) if len(ranges) == 1 else Scaling(1.0, tuple(steps.tolist()), offsets)


def to_inputs(x: NDArray[np.generic], kind: IntType, span: Range = FULL) -> Inputs:
    """uint8 images as integers of `kind` (1..8 bits): floor((x - lo) * 2^bits / values in `span`), clamped.

    For the full range these are the top bits. If signed, the midpoint is subtracted.
    """
    images = np.asarray(x)
    if images.dtype != np.uint8 or not 1 <= kind.bits <= 8:
        raise InputError(
            f"inputs: must be uint8 images for 1..8 bits, got {images.dtype} for {kind}; rescale to 0..255 first"
        )
    scaled = ((np.arange(256) - int(span.lo)) << kind.bits) // int(span.hi - span.lo + 1)
    table = np.clip(scaled, 0, (1 << kind.bits) - 1) + kind.lo  # of every value
    values: Inputs = table.astype(np.int16)[images]
    return values
