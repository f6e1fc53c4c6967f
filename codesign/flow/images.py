"""The test images of a run, and those that its reference computes."""

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.flow.stage import Context

CHUNK = 250  # images of the reference at a time, between which progress is shown


def all_tested(context: Context) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """All test images and their labels."""
    home = context.folder("train")
    return np.load(home / "inputs.npy"), np.load(home / "labels.npy")


def of_reference(context: Context) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Those that the reference computes. Raises InputError when there are not so many, as `of_simulation`."""
    x, labels = all_tested(context)
    return _first(context.flow.reference.images, x, labels, "reference.images")


def of_simulation(context: Context) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Those that are simulated."""
    return _first(context.flow.simulate.images, *all_tested(context), "simulate.images")


def _first(
    count: int | None, x: NDArray[np.generic], labels: NDArray[np.generic], key: str
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    if count is not None and count > len(x):
        raise InputError(f"{key}: the test set has {len(x)} images, got {count}; ask for fewer")
    return x[:count], labels[:count]
