"""Class labels, the share of outputs that tell them, and answers that something else is compared with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.arrays import as_array
from codesign.errors import InputError


def check_labels(labels: ArrayLike, images: int, outputs: int, what: str = "labels") -> NDArray[np.int64]:
    """One label for each image, the number of an output. Raises InputError naming `what`."""
    y: NDArray[Any] = as_array(labels, what)
    if y.shape not in {(images,), (images, 1)}:
        raise InputError(f"{what}: must be one for each image ({images}), got shape {y.shape}; give as many as images")
    y = y.ravel()
    if y.dtype.kind not in "iuf" or (y != np.floor(y)).any():
        first = next((v for v in y.tolist() if not isinstance(v, int | float) or v != v // 1), y.dtype)
        raise InputError(f"{what}: must be whole numbers 0..{outputs - 1}, got {first}; number the classes from 0")
    bad = (y < 0) | (y >= outputs)
    if bad.any():
        k = int(bad.argmax())
        raise InputError(
            f"{what}: must lie in 0..{outputs - 1}, outputs of the network, image {k} has {y[k]:.0f}; "
            "number the classes as in training"
        )
    return y.astype(np.int64)


def accuracy(outputs: NDArray[np.generic], labels: NDArray[np.generic]) -> float:
    """Percent of rows whose largest output is the label. Raises InputError when there are none."""
    if not len(labels):
        raise InputError("inputs: has no images; accuracy needs at least one")
    return 100.0 * float((outputs.argmax(axis=1) == labels).mean())


@dataclass(frozen=True, eq=False)
class Judge:
    """Inputs and what a model answers to them, to tell how far something else agrees with it."""

    x: NDArray[np.int64]  # (images, features), the network's integers
    best: NDArray[np.int64]  # (images,) the model's largest output of each
    labels: NDArray[np.int64] | None = None  # (images,)

    def agreement(self, outputs: NDArray[np.generic]) -> float:
        """Percent of the inputs whose largest output is the model's; outputs are (images, outputs)."""
        return accuracy(outputs, self.best)

    def accuracy(self, outputs: NDArray[np.generic]) -> float | None:
        """Percent of the inputs whose largest output is their label; None without labels."""
        return None if self.labels is None else accuracy(outputs, self.labels)

    @property
    def own_accuracy(self) -> float | None:
        """Accuracy of the model itself."""
        return None if self.labels is None else 100.0 * float((self.best == self.labels).mean())
