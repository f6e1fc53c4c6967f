"""Where inputs of a chip lose what a data set holds, or spend bits on nothing: lines for warnings."""

from collections.abc import Iterator, Sequence

import numpy as np

from codesign.data.scaling import Numbers, Range, Scaling
from codesign.fixed import IntType


def of_bytes(x_test: Numbers, span: Range, kind: IntType) -> Iterator[str]:
    """Test images outside the range, more than 1 %, where inputs saturate; bits beyond those the range needs."""
    outside = int(((x_test < span.lo) | (x_test > span.hi)).any(axis=1).sum())
    if outside > len(x_test) / 100:
        yield (
            f"{outside:,} of {len(x_test):,} test images have values outside "
            f"{span}, the range of the training images, and saturate there; scale both sets alike"
        )
    need = span.bits
    if need < kind.bits:
        yield (
            f"its values {span} need {need} bit{'s' * (need > 1)}, "
            f"inputs have {kind.bits}; set quantize.input_bits = {need} to spend fewer cycles"
        )


def of_reals(x_train: Numbers, x_test: Numbers, ranges: Sequence[Range], scaling: Scaling) -> Iterator[str]:
    """Test values outside the ranges, far more than by chance; features that a step of the whole set's range cannot
    resolve."""
    lo, hi = np.array([r.lo for r in ranges]), np.array([r.hi for r in ranges])
    outside = int(((x_test < lo) | (x_test > hi)).sum())
    chance = 2 / (len(x_train) + 1)  # that a new number lies outside the range of so many
    if outside > x_test.size * (0.01 + 2 * chance):
        which = f"{ranges[0]}, the range" if len(ranges) == 1 else "the ranges"
        yield (
            f"{outside:,} of {x_test.size:,} test values lie outside {which} of the training data, and saturate "
            "there; scale both sets alike"
        )
    if len(ranges) == 1:
        spread = x_train.max(axis=0).astype(np.float64) - x_train.min(axis=0)
        coarse = int(((spread > 0) & (spread < scaling.step)).sum())
        if coarse:
            yield (
                f"{coarse:,} of its {len(spread):,} features vary by less than one step, {scaling.step:.3g}, of its "
                f'range {ranges[0]}; set data.scale = "feature"'
            )
