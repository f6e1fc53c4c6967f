"""Data that comes with an installed package: nothing to fetch."""

from dataclasses import replace
from typing import Any

import numpy as np

from codesign.data.base import Dataset
from codesign.data.own import divided, stratified


def digits(seed: int = 0, test: int = 360) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8x8, grey levels times 16; `test` of them held out, class by class."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    bunch: Any = load_digits()
    x = np.minimum(bunch.data * 16, 255).astype(np.uint8)  # (1797, 64)
    y = bunch.target.astype(np.int64)
    picked = stratified(y, seed)
    held, kept = np.sort(picked[:test]), np.sort(picked[test:])
    return Dataset("digits", x[kept], y[kept], x[held], y[held], 10, (1, 8, 8))


def wine(test: float = 0.2, seed: int = 0) -> Dataset:
    """scikit-learn's 178 wines of 3 growers, 13 measured quantities each, in their own units."""
    from sklearn.datasets import load_wine

    return _table("wine", load_wine(), test, seed)


def breast_cancer(test: float = 0.2, seed: int = 0) -> Dataset:
    """scikit-learn's 569 tumours, malignant or benign, 30 measured quantities each, in their own units."""
    from sklearn.datasets import load_breast_cancer

    return _table("breast_cancer", load_breast_cancer(), test, seed)


def _table(name: str, bunch: Any, test: float, seed: int) -> Dataset:
    data = divided(bunch.data.astype(np.float64), bunch.target, test, seed, name)
    return replace(data, names=tuple(map(str, bunch.target_names)))
