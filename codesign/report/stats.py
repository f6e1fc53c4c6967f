"""Figures of samples: how far values spread, and how sure a mean is."""

import math
from collections.abc import Sequence

import numpy as np


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of the population that `values` sample; None with fewer than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of the mean (Student's t, independent values); None with fewer than two."""
    from scipy.stats import t  # type: ignore[import-untyped]

    n, sd = len(values), deviation(values)
    return None if sd is None else float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
