"""Axes: where round numbers lie between two ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codesign.brief import Brief
from codesign.page.figures import Tick


@dataclass(frozen=True)
class Axis(Brief):
    """From `low` to `high`, linear or, if `is_log`, in the logarithm."""

    low: float
    high: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Percent of the way from low to high."""
        low, high, v = (math.log(n) if self.is_log else n for n in (self.low, self.high, value))
        return 100 * (v - low) / (high - low) if high > low else 50.0

    def ticks(self, most: int = 6, is_whole: bool = False) -> tuple[Tick, ...]:
        """Marks at round numbers; is_whole: at whole ones only."""
        return tuple(Tick(self.at(v), told(v)) for v in self.marks(most, is_whole))

    def marks(self, most: int = 6, is_whole: bool = False) -> list[float]:
        """The round numbers."""
        return self._powers(most) if self.is_log else rounds(self.low, self.high, most, 1.0 if is_whole else 0.0)

    def _powers(self, most: int) -> list[float]:
        for steps in ((1, 2, 5), (1, 3), (1,)):
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [s * 10.0**d for d in decades for s in steps if self.low <= s * 10.0**d <= self.high]
            if len(found) <= most:
                return found if len(found) > 1 else [self.low, self.high]
        return found[:: -(-len(found) // most)]


def rounds(low: float, high: float, most: int = 6, least: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten in low..high, at most `most`, `least` apart at least."""
    if high <= low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= most)
    step = max(step, least)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def told(value: float) -> str:
    """A number as an axis shows it: 1,200 or 0.25."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def energy(low: float, high: float) -> str:
    """Two energies in nJ, as text in a unit that suits both."""
    unit, scale = ("µJ", 1000.0) if high >= 1000 else ("nJ", 1.0)
    return f"{_three(low / scale)} to {_three(high / scale)}\N{NO-BREAK SPACE}{unit}"


def _three(value: float) -> str:
    """Three digits, or all of a number that has more before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def around(values: Sequence[float], low: float | None = None, high: float | None = None, share: float = 0.06) -> Axis:
    """An axis around values, with room on both sides but not beyond `low` and `high`."""
    least, most = min(values), max(values)
    room = share * (most - least) or 0.02 * abs(most) or 1.0
    begin, end = least - room, most + room
    return Axis(begin if low is None else max(low, begin), end if high is None else min(high, end))
