"""Residual sums: the requantizer of two edges, tried with every pair of their integers."""

import numpy as np

from codesign.errors import UnsupportedError
from codesign.fixed import Ints, IntType, requantize_sum
from codesign.frontend.onnx.certificate import Certificate, halves, other
from codesign.frontend.onnx.flow import Flow, Total
from codesign.ir import Requant


def summed(flow: Flow, out: IntType, signs: bool) -> tuple[Requant, Ints, Certificate]:
    """The requantizer behind a residual sum and its second multipliers, tried with every pair of integers.

    It clamps to `out`, or to the part of it that the file uses; signs as in `requantized`. Raises UnsupportedError
    naming the layer where no constants give every integer of the file.
    """
    draft = flow.draft
    assert isinstance(draft, Total)
    total = draft.channels * len(draft.pairs()[0])
    levels = _levels(flow, signs)
    ends = min(int(v.min()) for v in levels), max(int(v.max()) for v in levels)
    used = IntType(out.bits, out.signed, ends) if ends[0] < ends[1] else out
    for limits in (out, used):
        requant, second, differ = _constants(flow, levels, limits)
        if not differ:
            return requant, second, Certificate(draft.channels, total)
    risen = not _constants(flow, _levels(flow, signs, up=True), used)[2]
    raise UnsupportedError(
        f"layer {draft.name}: {draft.channels} columns x {total:,} values, {differ:,} differ from the file's "
        f"arithmetic; {halves(flow) if risen else other(flow)}"
    )


def _levels(flow: Flow, signs: bool, up: bool = False) -> list[Ints]:
    """The file's integers of every channel for every pair; channels of equal integers share one array."""
    draft, found = flow.draft, list[Ints]()
    assert isinstance(draft, Total)
    real = draft.real(*draft.pairs())
    for j in range(draft.channels):
        levels = flow.levels(real, j, up)
        levels = 2 * levels - 1 if signs else levels
        found.append(next((v for v in found if np.array_equal(v, levels)), levels))
    return found


def _constants(flow: Flow, levels: list[Ints], out: IntType) -> tuple[Requant, Ints, int]:
    """The requantizer, its second multipliers, and for how many pairs it differs."""
    draft = flow.draft
    assert isinstance(draft, Total)
    first, second = draft.pairs()
    gains: list[tuple[float, float]] = []
    for j, of in enumerate(levels):
        same = next((k for k in range(j) if levels[k] is of), None)
        gains.append(_pair(flow, j, first, second, of, out) if same is None else gains[same])
    shift = _shift(gains)
    found = [_biased(first, second, of, pair, shift, out) for of, pair in zip(levels, gains, strict=True)]
    mult, other_mult, bias = (np.array(v, np.int64) for v in zip(*found, strict=True))
    differ = 0
    for j, of in enumerate(levels):
        y = requantize_sum(first, mult[j], second, other_mult[j], bias[j], shift, out)
        differ += int((y != of).sum())
    return Requant(mult, bias, shift, out), other_mult, differ


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
