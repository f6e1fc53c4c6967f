"""The exhaustive certificate: every accumulator of every column, the file's arithmetic against the requantizer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codesign.errors import UnsupportedError
from codesign.fixed import Ints, IntType, requantize, requantize_sum
from codesign.frontend.onnx.flow import Flow, Mean, Product, Total
from codesign.frontend.onnx.requantizer import Bounds, solve
from codesign.ir import Requant

MOST = 1 << 31  # accumulators that are tried in one file
CHUNK = 1 << 18  # at once
HALVES = (
    "where scales are powers of two, halves round to even in the file and up on the chip: set rounding_mode HALF_UP in "
    "its Quant"
)
COARSE = "no multiplier of 16 bits fits its scales; use fewer bits for activations or inputs, or other scales"


@dataclass(frozen=True)
class Certificate:
    """How many columns were tried, with how many values in all. Nothing differs, or there would be no network."""

    columns: int = 0
    values: int = 0

    def __add__(self, other: "Certificate") -> "Certificate":
        return Certificate(self.columns + other.columns, self.values + other.values)

    def __str__(self) -> str:
        return f"{self.columns:,} columns x {self.values:,} values in all, 0 differ"


def requantized(flow: Flow, out: IntType, signs: bool) -> tuple[Requant, Certificate]:
    """The requantizer behind a product or a mean, tried with every accumulator.

    It clamps to `out`, or to the part of it that the file uses where steps before the quantizer clip. signs: two
    values are -1 and 1 of `out`, not 0 and 1. Raises UnsupportedError naming the layer where no constants give every
    integer of the file.
    """
    draft = flow.draft
    assert isinstance(draft, Product | Mean)
    total = sum(draft.count(j) for j in range(draft.channels))
    if total > MOST:
        raise UnsupportedError(
            f"layer {draft.name}: has {total:,} accumulators to try, at most {MOST:,} are; use fewer bits or inputs"
        )
    bounds = []
    for j in range(draft.channels):
        acc, levels = (np.concatenate(v) for v in zip(*_tried(flow, j, signs), strict=True))
        bound = Bounds.of(acc, levels)
        if bound is None:
            raise UnsupportedError(
                f"layer {draft.name}: output {j} rises and falls with its sum; use activations that only rise"
            )
        _check_pools(flow, j, acc[[0, -1]], levels[[0, -1]])
        bounds.append(bound)
    found = solve([b.clamped(out) for b in bounds])
    if found is None:
        used = min(b.ends[0][1] for b in bounds), max(b.ends[1][1] for b in bounds)
        out = IntType(out.bits, out.signed, used)
        found = solve([b.clamped(out) for b in bounds]) or _nearest([b.clamped(out) for b in bounds])
    mult, bias, shift = found
    differ = halves = 0
    for j in range(draft.channels):
        for acc, levels in _tried(flow, j, signs):
            wrong = requantize(acc, mult[j], bias[j], shift, out) != levels
            differ += int(wrong.sum())
            halves += flow.halves(draft.real(acc, j), j) if wrong.any() else 0
    if differ:
        raise UnsupportedError(
            f"layer {draft.name}: {draft.channels} columns x {total:,} values, {differ:,} differ from the file's "
            f"arithmetic whatever the constants; {_advice(halves, sum(b.ends[1][1] - b.ends[0][1] for b in bounds))}"
        )
    return Requant(mult, bias, shift, out), Certificate(draft.channels, total)


def _advice(halves: int, steps: int) -> str:
    """What to do where constants are lacking: halves between levels are many, or a few by chance, for so many steps."""
    return HALVES if 8 * halves > steps else COARSE


def _tried(flow: Flow, j: int, signs: bool) -> Iterator[tuple[Ints, Ints]]:
    """Every accumulator of a column and the file's integer for it, a chunk at a time."""
    draft = flow.draft
    assert isinstance(draft, Product | Mean)
    acc = draft.reached(j)
    for k in range(0, len(acc), CHUNK):
        part = acc[k : k + CHUNK]
        levels = flow.levels(draft.real(part, j), j)
        yield part, 2 * levels - 1 if signs else levels


def _check_pools(flow: Flow, j: int, acc: Ints, levels: Ints) -> None:
    """Max pooling moves behind the quantizer, which is exact where integers rise with what was pooled."""
    draft = flow.draft
    assert isinstance(draft, Product | Mean)
    for steps, _ in flow.pools:
        pooled = flow.before(draft.real(acc, j), j, steps).astype(np.float64)
        if (pooled[1] - pooled[0]) * (levels[1] - levels[0]) < 0:
            raise UnsupportedError(
                f"layer {draft.name}: output {j} falls with what max pooling gives; pool behind the activation"
            )


def _nearest(bounds: list[Bounds]) -> tuple[Ints, Ints, int]:
    """Constants that come close, to tell how many values differ."""
    steepest = max(b.slope for b in bounds)
    shift = max(0, min(20, 14 - int(np.ceil(np.log2(max(steepest, 2.0**-6))))))
    mult = [round(b.slope * 2.0**shift) for b in bounds]
    rooms = [b.room(m, shift) for b, m in zip(bounds, mult, strict=True)]
    bias = [(lo + hi) // 2 - (1 << shift >> 1) for lo, hi in rooms]
    clipped = np.clip(np.array(bias, np.float64), -(2**31), 2**31 - 1).astype(np.int64)
    return np.array([m * b.sign for m, b in zip(mult, bounds, strict=True)], np.int64), clipped, shift


def summed(flow: Flow, out: IntType, signs: bool) -> tuple[Requant, Ints, Certificate]:
    """The requantizer behind a residual sum and its second multipliers, tried with every pair of integers."""
    draft = flow.draft
    assert isinstance(draft, Total)
    first, second = draft.pairs()
    real = draft.real(first, second)
    columns: list[tuple[Ints, tuple[float, float]]] = []
    for j in range(draft.channels):
        levels = flow.levels(real, j)
        levels = 2 * levels - 1 if signs else levels
        same = next((c for c in columns if np.array_equal(c[0], levels)), None)
        columns.append(same or (levels, _pair(flow, j, first, second, levels, out)))
    shift = _shift([c[1] for c in columns])
    found = [_biased(first, second, levels, gains, shift, out) for levels, gains in columns]
    mult, other, bias = (np.array(v, np.int64) for v in zip(*found, strict=True))
    differ = 0
    for j, (levels, _) in enumerate(columns):
        y = requantize_sum(first, mult[j], second, other[j], bias[j], shift, out)
        differ += int((y != levels).sum())
    if differ:
        halves = sum(flow.halves(real, j) for j in range(draft.channels))
        steps = sum(int(np.ptp(levels)) for levels, _ in columns)
        raise UnsupportedError(
            f"layer {draft.name}: {draft.channels} columns x {draft.channels * len(first):,} values, {differ:,} differ "
            f"from the file's arithmetic; {_advice(halves, steps)}"
        )
    return Requant(mult, bias, shift, out), other, Certificate(draft.channels, draft.channels * len(first))


def _pair(flow: Flow, j: int, first: Ints, second: Ints, levels: Ints, out: IntType) -> tuple[float, float]:
    """Integers per step of either operand, from the file's arithmetic where nothing clips."""
    inside = (levels > out.lo) & (levels < out.hi)
    inside = inside if inside.any() else np.ones_like(inside)
    draft = flow.draft
    assert isinstance(draft, Total)
    x = flow.before(draft.real(first, second), j)[inside].astype(np.float64)
    assert flow.quantizer is not None
    ones = np.ones(int(inside.sum()))
    design = np.stack([first[inside], second[inside], ones], axis=1).astype(np.float64)
    gains, *_ = np.linalg.lstsq(design, x / float(flow.quantizer.scale), rcond=None)
    return float(gains[0]), float(gains[1])


def _shift(gains: list[tuple[float, float]]) -> int:
    steepest = max(max(map(abs, g)) for g in gains)
    shift = 14
    while shift and steepest * 2.0**shift > (1 << 15) - 1:
        shift -= 1
    return shift


def _biased(
    first: Ints, second: Ints, levels: Ints, gains: tuple[float, float], shift: int, out: IntType
) -> tuple[int, int, int]:
    """(mult, other_mult, bias): the multipliers nearest to the gains that leave a bias which suits every pair."""
    near = [round(g * 2.0**shift) for g in gains]
    best: tuple[int, tuple[int, int, int]] | None = None
    for d in sorted(((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)), key=lambda d: abs(d[0]) + abs(d[1])):
        mult, other = near[0] + d[0], near[1] + d[1]
        acc = first * mult + second * other
        lo = int(((levels << shift) - acc)[levels > out.lo].max(initial=-(1 << 60)))
        hi = int((((levels + 1) << shift) - acc - 1)[levels < out.hi].min(initial=1 << 60))
        middle = (lo + hi) // 2 if max(abs(lo), abs(hi)) < 1 << 59 else hi if lo < -(1 << 59) else lo
        made = (mult, other, max(-(1 << 31), min((1 << 31) - 1, middle - (1 << shift >> 1))))
        if best is None or hi - lo > best[0]:
            best = (hi - lo, made)
        if hi >= lo:
            return made
    assert best is not None
    return best[1]
