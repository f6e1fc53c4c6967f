"""Requantizer constants that give exactly the wanted integer for every accumulator, or how many they cannot.

A column's integers rise (or fall) with its accumulator, so they are known by where they change. With
`B = bias + 2^(shift-1)`, an accumulator t gives at least k if `t * mult + B >= k * 2^shift`: every change bounds B
from above or below for a given mult. The room between is a concave function of mult, so its peak is found exactly.
"""

from dataclasses import dataclass, replace

import numpy as np

from codesign.fixed import BIAS_BITS, MAX_SHIFT, MULT_BITS, Ints, IntType

_MULT, _BIAS = IntType(MULT_BITS, True), IntType(BIAS_BITS, True)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Where a rising column changes: at `reached[i]` it must give `least[i]` or more, at `kept[i]` below `below[i]`."""

    reached: Ints
    least: Ints
    kept: Ints
    below: Ints
    ends: tuple[tuple[int, int], tuple[int, int]]  # (accumulator, integer) of the first and the last
    sign: int = 1  # -1: for a falling column, all accumulators negated

    @classmethod
    def of(cls, acc: Ints, levels: Ints) -> "Bounds | None":
        """From all accumulators, rising, and their integers; None unless these rise or fall all the way."""
        change = np.diff(levels)
        sign = -1 if (change < 0).any() else 1
        if sign < 0:
            if (change > 0).any():
                return None
            acc, levels = -acc[::-1], levels[::-1]
        wanted = np.arange(levels[0] + 1, levels[-1] + 1)
        first = np.searchsorted(levels, wanted)
        ends = (int(acc[0]), int(levels[0])), (int(acc[-1]), int(levels[-1]))
        return cls(acc[first], wanted, acc[first - 1], wanted, ends, sign)

    def clamped(self, out: IntType) -> "Bounds":
        """With the bounds that keep both ends from going further, where no clamp to `out` does."""
        (low, least), (high, most) = self.ends
        found = self
        if least > out.lo:
            found = replace(found, reached=np.append(low, found.reached), least=np.append(least, found.least))
        if most < out.hi:
            found = replace(found, kept=np.append(found.kept, high), below=np.append(found.below, most + 1))
        return found

    @property
    def slope(self) -> float:
        """Integers per unit of the accumulator; 0 for a column with one change, for which any small one will do."""
        if len(self.reached) < 2 or len(self.kept) < 2:
            return 0.0
        rise = float(self.least[-1] - self.least[0])
        return rise / max(1.0, float(self.reached[-1] - self.reached[0]))

    def room(self, mult: int, shift: int) -> tuple[int, int]:
        """Least and largest B for a multiplier (of the rising column); the first is larger where there is none."""
        unbounded = 1 << 60
        lo = int(((self.least << shift) - self.reached * mult).max(initial=-unbounded))
        hi = int(((self.below << shift) - self.kept * mult - 1).min(initial=unbounded))
        return lo, hi

    def constants(self, shift: int) -> tuple[int, int] | None:
        """(mult, bias) for a shift; None if no multiplier and bias of the registers give every integer."""
        guess = round(self.slope * 2.0**shift)
        near = [m for d in range(4) for m in (guess + d, guess - d)] if guess else [0, 1, 2, 3]
        half = 1 << shift >> 1
        for mult in (*near, self._peak(shift)):
            lo, hi = self.room(mult, shift)
            if lo <= hi and 0 <= mult <= _MULT.hi:
                bias = min(max(_between(lo, hi) - half, _BIAS.lo), _BIAS.hi)
                if lo <= bias + half <= hi:
                    return self.sign * mult, bias
        return None

    def _peak(self, shift: int) -> int:
        """The multiplier with the most room."""
        lo, hi = 0, _MULT.hi
        while lo < hi:
            middle = (lo + hi) // 2
            here, after = (b - a for a, b in (self.room(m, shift) for m in (middle, middle + 1)))
            lo, hi = (middle + 1, hi) if after > here else (lo, middle)
        return lo


def _between(lo: int, hi: int) -> int:
    """A number in lo..hi: the middle, where both ends are bounded."""
    return (lo + hi) // 2 if hi - lo < 1 << 58 else lo if hi >= 1 << 59 else hi


def solve(columns: list[Bounds]) -> tuple[Ints, Ints, int] | None:
    """(mult, bias, shift), the shift shared, that give every integer of every column; None if there are none.

    Shift 0 with multipliers of 1 or 2 where that is enough, as for two values; else the largest shift that the
    registers allow, whose multipliers are the finest.
    """
    for shift in (0, *range(MAX_SHIFT, 0, -1)):
        found: list[tuple[int, int]] = []
        for column in columns:
            one = column.constants(shift)
            if one is None:
                break
            found.append(one)
        else:
            mult, bias = (np.array(v, np.int64) for v in zip(*found, strict=True))
            return mult, bias, shift
    return None
