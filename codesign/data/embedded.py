"""Data that comes with an installed package: nothing to fetch."""

from typing import Any

import numpy as np

from codesign.data.base import Dataset


def digits(seed: int = 0, test: int = 360) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8x8, grey levels times 16; `test` of them held out, class by class."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    bunch: Any = load_digits()
    x = np.minimum(bunch.data * 16, 255).astype(np.uint8)  # (1797, 64)
    y = bunch.target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    share = np.empty(len(y))  # position within its class, 0..1: the smallest shares are a stratified sample
    for label in range(10):
        mine = order[y[order] == label]
        share[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    picked = order[np.argsort(share[order], kind="stable")]
    held, kept = np.sort(picked[:test]), np.sort(picked[test:])
    return Dataset("digits", x[kept], y[kept], x[held], y[held], 10, (1, 8, 8))
