"""Scales of activations, chosen by the error that they give on the calibration inputs."""

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import IntType
from codesign.fixed import quantize as to_integers
from codesign.frontend.graph import Real
from codesign.train.layers.edges import span
from codesign.train.layers.fit import promising

CANDIDATES = 40  # evenly spaced scales, up to the smallest one that clips nothing
PERCENTILES = (99.0, 99.9, 99.99)  # of the magnitudes, as further candidates
VALUES = 1 << 18  # that a choice looks at


def activation_scale(y: Real, kind: IntType) -> float:
    """The scale of `kind` that minimizes the squared error of values `y`; at 1.0 for the largest integer if all are 0.

    Tries evenly spaced scales up to the smallest one that clips nothing, and percentiles of the magnitudes.
    """
    seen = sampled(y)
    ends = [float(v) / end for v, end in ((y.max(), kind.hi), (y.min(), kind.lo)) if end]
    largest = max(ends, default=0.0)
    if largest <= 0:
        return 1.0 / span(kind)
    even = [largest * k / CANDIDATES for k in range(1, CANDIDATES + 1)]
    percentiles = [float(p) / span(kind) for p in np.percentile(np.abs(seen), PERCENTILES)]
    points = np.arange(kind.lo, kind.hi + 1, dtype=np.float64)
    scales = promising(seen, points, sorted({s for s in (*even, *percentiles) if 0 < s <= largest}))
    errors = [np.square(to_integers(seen, s, kind) * s - seen).sum() for s in scales]
    return float(scales[int(np.argmin(errors))])


def sampled(values: NDArray[np.float64]) -> Real:
    """At most `VALUES` of them, flat: every n-th, with an odd n, which no power-of-two axis shares."""
    flat = values.ravel()
    return np.ascontiguousarray(flat[:: (len(flat) // VALUES) | 1])
