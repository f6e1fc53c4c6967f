"""The exhaustive certificate: every accumulator of every column, the file's arithmetic against the requantizer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codesign.errors import UnsupportedError
from codesign.fixed import Ints, IntType, requantize
from codesign.frontend.onnx.flow import Flow, Mean, Product
from codesign.frontend.onnx.requantizer import Bounds, solve
from codesign.ir import Requant

MOST = 1 << 31  # accumulators that are tried in one file
CHUNK = 1 << 18  # at once
EVEN = (
    "where scales are powers of two, halves round to even in the file and up on the chip: set rounding_mode HALF_UP in "
    "its Quant"
)
AWAY = (
    "halves round away from 0 in the file and up on the chip: set rounding_mode FLOOR in its Quant, and add half its "
    "scale before"
)
COARSE = "no multiplier of 16 bits fits its scales; use fewer bits for activations or inputs, or other scales"
UNEVEN = "its thresholds are not evenly spaced, which a multiplier cannot give; train with uniform quantization"
LIMITED = "a clip before numbers per output gives every output limits of its own; put the clip behind them"


@dataclass(frozen=True)
class Certificate:
    """How many columns were tried, and with how many values: the sum of what each can reach.

    Nothing differs, or there would be no network.
    """

    columns: int = 0
    values: int = 0

    def __add__(self, other: "Certificate") -> "Certificate":
        return Certificate(self.columns + other.columns, self.values + other.values)

    def __str__(self) -> str:
        return f"{self.columns:,} columns x {self.values:,} values, 0 differ"


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
    bounds = _bounds(flow, signs)
    found, advice = solve([b.clamped(out) for b in bounds]), ""
    if found is None:
        used = min(b.ends[0][1] for b in bounds), max(b.ends[1][1] for b in bounds)
        out = IntType(out.bits, out.signed, used)
        found = solve([b.clamped(out) for b in bounds])
    if found is None:
        found = solve([b.clamped(out) for b in _bounds(flow, signs, up=True)])
        advice = halves(flow) if found else other(flow)
    mult, bias, shift = found or _nearest([b.clamped(out) for b in bounds])
    differ = 0
    for j in range(draft.channels):
        for acc, levels in _tried(flow, j, signs):
            differ += int((requantize(acc, mult[j], bias[j], shift, out) != levels).sum())
    if differ:
        raise UnsupportedError(
            f"layer {draft.name}: {draft.channels} columns x {total:,} values, {differ:,} differ from the file's "
            f"arithmetic whatever the constants; {advice}"
        )
    return Requant(mult, bias, shift, out), Certificate(draft.channels, total)


def halves(flow: Flow) -> str:
    """What to do where nothing but halves differ."""
    assert flow.quantizer is not None
    return AWAY if str(flow.quantizer.node.get("rounding_mode", "ROUND")).upper() == "HALF_UP" else EVEN


def other(flow: Flow) -> str:
    """What to do where no constants give every integer, for another reason than halves."""
    assert flow.quantizer is not None
    return UNEVEN if flow.quantizer.uneven else LIMITED if flow.limited else COARSE


def _bounds(flow: Flow, signs: bool, up: bool = False) -> list[Bounds]:
    """Where every column changes. Raises UnsupportedError for one that neither rises nor falls all the way."""
    draft, found = flow.draft, []
    for j in range(draft.channels):
        acc, levels = (np.concatenate(v) for v in zip(*_tried(flow, j, signs, up), strict=True))
        bound = Bounds.of(acc, levels)
        if bound is None:
            raise UnsupportedError(
                f"layer {draft.name}: output {j} rises and falls with its sum; use activations that only rise"
            )
        _check_pools(flow, j, acc[[0, -1]], levels[[0, -1]])
        found.append(bound)
    return found


def _tried(flow: Flow, j: int, signs: bool, up: bool = False) -> Iterator[tuple[Ints, Ints]]:
    """Every accumulator of a column and the file's integer for it, a chunk at a time; up: as in `Flow.levels`."""
    draft = flow.draft
    assert isinstance(draft, Product | Mean)
    acc = draft.reached(j)
    for k in range(0, len(acc), CHUNK):
        part = acc[k : k + CHUNK]
        levels = flow.levels(draft.real(part, j), j, up)
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
